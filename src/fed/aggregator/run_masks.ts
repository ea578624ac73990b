/** The steps of a masked run beside those of every run: each is on disk before anyone hears of it. */
import type { OnEvent } from "../protocol/event.ts";
import type { SignedReady, SignedStatement } from "../protocol/messages.ts";
import type { MaskedState } from "./masked_state.ts";

export class RunMasks {
  readonly #state: MaskedState;
  readonly #tell: OnEvent;

  constructor(state: MaskedState, tell: OnEvent) {
    this.#state = state;
    this.#tell = tell;
  }

  /** Takes a silo's statement. @param changes how often its keys have changed */
  state(signed: SignedStatement, changes: number): void {
    this.#state.state(signed, changes);
  }

  /** Takes a silo's ready for the open row. */
  ready(round: number, signed: SignedReady): void {
    this.#state.ready(round, signed);
    this.#tell({ type: "ready", silo: signed.ready.silo, round });
  }

  /** Settles whom the updates of the open row are masked for. */
  settle(round: number, readies: readonly SignedReady[]): void {
    this.#state.settle(round, readies);
    this.tellAgain(round);
  }

  /** Tells of a settled roster; again after a restart, since nobody may have heard of it. */
  tellAgain(round: number): void {
    const { digest: sha256, names } = this.#state.rosters.get(round)!;
    this.#tell({ type: "roster", round, sha256, silos: [...names] });
  }
}
