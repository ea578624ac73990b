/** Whether a site's SuperNode is there: it takes part from its first call on, and is gone when it says so or is silent. */
import type { Layout } from "../../../model/layout.ts";
import type { Inside } from "../../wire/guests.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import type { Heartbeat } from "../../protocol/messages.ts";
import { Client } from "../../wire/client.ts";
import type { FlowerSite } from "./enrolment.ts";
import { InsideConnections } from "./inside.ts";
import type { Mailbox } from "./mailbox.ts";
import { takePart } from "./site.ts";

/** Seconds without a call after which a SuperNode is gone; stock ones send a heartbeat every 30. */
const SILENCE = 45;
/** Times in a silence that somebody looks whether it is one. */
const LOOKS = 10;
/** Heartbeats in a silence that the aggregator gets of a SuperNode that calls. */
const BEATS = 5;
/** Seconds between two beginnings of a site's part, and after one that failed within the aggregator. */
const PAUSE = { again: 1, failed: 30 };
/** Seconds that a site's requests are tried again within this process. */
const WAIT = 3600;

export interface PresenceOptions {
  site: FlowerSite;
  mailbox: Mailbox;
  inside: Inside;
  layout: Layout;
  /** Seconds until a site is asked again whose reply was not taken. @default 5 */
  again?: number;
  /** Seconds without a call after which the SuperNode is gone. @default 45 */
  silence?: number;
}

/** One site's presence. Disposing of it ends its part. */
export class Presence implements AsyncDisposable {
  readonly #options: PresenceOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #heard = 0;
  #told = 0;
  /** When its part may begin: not at once after one that has just ended, or failed. */
  #next = 0;
  #doing: { beat: Heartbeat | null } = { beat: null };
  #part: { ended: Promise<void>; stop: AbortController; client: Client } | null = null;
  /** The run is over for it, or the aggregator refuses it. */
  #over = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { silence = SILENCE } = options;
    this.#timer = setInterval(() => {
      if (performance.now() - this.#heard > silence * 1000) this.#stop();
    }, silence / LOOKS * 1000);
  }

  /** Notes a call of the SuperNode. */
  heard({ leaving = false }: { leaving?: boolean } = {}): void {
    if (leaving) return this.#stop();
    this.#heard = performance.now();
    if (this.#part === null && !this.#over && performance.now() >= this.#next) this.#begin();
    this.#beat();
  }

  #begin(): void {
    const { inside, site: { name } } = this.#options;
    this.#next = performance.now() + PAUSE.again * 1000;
    const stop = new AbortController();
    const connections = new InsideConnections(inside, name);
    const client = new Client({ connections, wait: WAIT, onEvent: inside.onEvent, signal: stop.signal });
    const ended = takePart({ ...this.#options, client, doing: this.#doing, signal: stop.signal })
      .then(() => this.#over = true)
      .catch((error) => {
        if (stop.signal.aborted) return;
        // What the aggregator refuses it has told; anything else is ours.
        if (error instanceof ProtocolError) this.#over = true;
        else {
          this.#next = performance.now() + PAUSE.failed * 1000;
          inside.onEvent({ type: "warning", text: `the part of ${name}, which begins again: ${error}` });
        }
      }).finally(() => {
        client[Symbol.dispose]();
        this.#part = null;
      });
    this.#part = { ended: ended.then(() => {}), stop, client };
  }

  /** Tells the aggregator what the site is doing, now and then. */
  #beat(): void {
    const { beat } = this.#doing, { client } = this.#part ?? {};
    const { silence = SILENCE } = this.#options;
    const early = performance.now() - this.#told < silence / BEATS * 1000;
    if (beat === null || client === undefined || early) return;
    this.#told = performance.now();
    client.heartbeat(beat).catch(() => {});
  }

  #stop(): void {
    this.#part?.stop.abort(new DOMException("the SuperNode is gone", "AbortError"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#over = true;
    this.#stop();
    await this.#part?.ended;
  }
}
