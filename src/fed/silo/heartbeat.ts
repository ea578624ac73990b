/**
 * A silo's heartbeats: every 10 s it says what it is doing, so that the aggregator knows it is there. Beside them it
 * watches the run, so that it stops at once when its round is over without it.
 */
import type { Client } from "../wire/client.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { Heartbeat } from "../protocol/messages.ts";
import { stageOf } from "../protocol/stage.ts";

/** Seconds between heartbeats. */
const PERIOD = 10;

/** Sends a heartbeat again and again until disposed of. */
export class Heartbeats implements Disposable {
  readonly #client: Client;
  readonly #onEvent: OnEvent;
  #doing: Heartbeat;
  readonly #timer: ReturnType<typeof setInterval>;
  #followed: AbortController | null = null;

  /** @param options.period seconds between heartbeats @default 10 */
  constructor(client: Client, doing: Heartbeat, options: { period?: number; onEvent: OnEvent }) {
    this.#client = client;
    this.#onEvent = options.onEvent;
    this.#doing = doing;
    // A heartbeat that fails is followed by the next.
    this.#timer = setInterval(
      () => this.#client.heartbeat(this.doing).catch(() => {}),
      (options.period ?? PERIOD) * 1000,
    );
  }

  /** What the next heartbeat says; may be changed at any time, and tells this silo's own operator of a new phase. */
  get doing(): Heartbeat {
    return this.#doing;
  }

  set doing(doing: Heartbeat) {
    const { phase, round } = doing;
    const changed = phase !== this.#doing.phase || round !== this.#doing.round;
    this.#doing = doing;
    if (changed && phase !== "waiting") this.#onEvent({ type: "phase", phase, round });
  }

  /** A signal that is aborted with `RoundOver` when the run is no longer at the stage `seen`. */
  follow(seen: string): AbortSignal {
    const over = new AbortController();
    this.#followed = over;
    this.#watch(seen, over);
    return over.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#followed = null;
  }

  async #watch(seen: string, over: AbortController): Promise<void> {
    while (this.#followed === over) {
      const view = await this.#client.view({ seen }).catch(() => null);
      if (view === null) return;
      if (stageOf(view) !== seen) return over.abort(new RoundOver("the round is over"));
    }
  }
}

/** The round ended without this silo's update. */
export class RoundOver extends Error {
  override readonly name = "RoundOver";
}
