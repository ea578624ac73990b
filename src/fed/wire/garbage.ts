/**
 * Frees what sending leaves behind.
 *
 * Why: in Deno 2.9.3 the native buffers of a finished HTTP/2 stream live until its JavaScript object is collected, and
 * V8, which does not count them, sees no reason to: an aggregator that has sent 1 GiB may hold 1 GiB.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes sent between two collections, each of which takes as long as hashing 50 MB. */
const INTERVAL = 128 << 20;

let sent = 0;
let collect: (() => void) | undefined;

/** Notes bytes that this process has sent over HTTP/2. */
export function countSent(bytes: number): void {
  sent += bytes;
  if (sent >= INTERVAL) freeGarbage();
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
