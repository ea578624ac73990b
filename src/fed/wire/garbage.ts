/**
 * Frees what sending leaves behind, and large vectors that are done with.
 *
 * Why: in Deno 2.9.3 the native buffers of a finished HTTP/2 stream live until its JavaScript object is collected, and
 * V8, which does not count them, sees no reason to: a silo that has sent 1 GiB holds 1 GiB. A collection of these
 * programs' small heap takes 10 ms.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes sent between two collections. */
const INTERVAL = 64 << 20;

let sent = 0;
let collect: (() => void) | undefined;

/** Notes bytes that this process has sent over HTTP/2. */
export function countSent(bytes: number): void {
  sent += bytes;
  if (sent >= INTERVAL) freeGarbage();
}

/** Dropped vectors below this size are not worth a collection, whose cost is the same whatever it frees. */
const WORTH = 1 << 20;

/** Collects now, after so many bytes of vectors were dropped that V8 would otherwise keep until it needs room. */
export function freeVectors(bytes: number): void {
  if (bytes >= WORTH) freeGarbage();
}

/** Collects now. */
export function freeGarbage(): void {
  sent = 0;
  collect ??= collector();
  collect();
}

/** V8's own collector; it needs no flag at the start and no permission. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
