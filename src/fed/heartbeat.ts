/**
 * A silo's pulse: every 10 s it says what it is doing and hears whether the run has moved on without it.
 */
import type { Client } from "./client.ts";
import type { Heartbeat } from "./protocol.ts";

const PERIOD = 10;

/** Beats until disposed of. `doing` may be changed at any time; `moved` is aborted when the round is over. */
export class Pulse implements Disposable {
  doing: Heartbeat;
  readonly #client: Client;
  readonly #timer: ReturnType<typeof setInterval>;
  #moved = new AbortController();

  constructor(client: Client, doing: Heartbeat) {
    this.#client = client;
    this.doing = doing;
    this.#timer = setInterval(() => this.#beat(), PERIOD * 1000);
  }

  /** Starts another piece of work and returns the signal that ends it when its round is over. */
  begin(doing: Heartbeat): AbortSignal {
    this.#moved = new AbortController();
    this.doing = doing;
    return this.#moved.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #beat(): Promise<void> {
    const { doing } = this;
    const moved = this.#moved;
    const answer = await this.#client.heartbeat(doing).catch(() => null);
    if (answer === null || doing.phase === "waiting" || doing.phase === "closing") return;
    if (answer.state !== "round" || answer.round !== doing.round) {
      moved.abort(new RoundOver(`round ${doing.round} is over`));
    }
  }
}

/** The round ended without this silo's update. */
export class RoundOver extends Error {
  override readonly name = "RoundOver";
}
