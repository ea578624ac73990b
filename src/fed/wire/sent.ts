/**
 * What leaves a silo, as its log keeps it: each body by kind, bytes and digest.
 *
 * Heartbeats are summed until something else is sent: there is one every few seconds. A body is told before it is sent,
 * since part of one that fails on the way has left too.
 */
import { createHash, type Hash } from "node:crypto";
import { digest } from "../../files/digest.ts";
import type { OnEvent } from "../protocol/event.ts";

/** Kinds by the last word of a path; the others are called as their path. */
const KINDS: Readonly<Record<string, string>> = { join: "registration", update: "update_start" };

/** Tells of bodies that one client sends. */
export class Sent implements Disposable {
  readonly #onEvent: OnEvent;
  /** The heartbeats that are not told yet, one after another. */
  #beats: { count: number; bytes: number; hash: Hash } | null = null;

  constructor(onEvent: OnEvent) {
    this.#onEvent = onEvent;
  }

  /** A message goes to `path`. */
  message(path: string, body: Uint8Array): void {
    const word = path.split("/").at(-1)!;
    if (word === "heartbeat") return this.#beat(body);
    this.#tell(KINDS[word] ?? word, body.length, digest(body));
  }

  /** Frames of an update go. @param sha256 the whole update's: it has been taken of the same bytes already */
  parts(body: readonly Uint8Array[], sha256: string): void {
    this.#tell("update", body.reduce((sum, { length }) => sum + length, 0), sha256);
  }

  #beat(body: Uint8Array): void {
    this.#beats ??= { count: 0, bytes: 0, hash: createHash("sha256") };
    this.#beats.count++;
    this.#beats.bytes += body.length;
    this.#beats.hash.update(body);
  }

  #tell(kind: string, bytes: number, sha256: string): void {
    this.#tellBeats();
    this.#onEvent({ type: "sent", kind, bytes, sha256, count: 1 });
  }

  #tellBeats(): void {
    if (this.#beats === null) return;
    const { count, bytes, hash } = this.#beats;
    this.#beats = null;
    this.#onEvent({ type: "sent", kind: "heartbeat", bytes, sha256: hash.digest("hex"), count });
  }

  [Symbol.dispose](): void {
    this.#tellBeats();
  }
}
