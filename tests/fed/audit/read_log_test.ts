/** A log's bytes as lines. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { GENESIS } from "../../../src/fed/audit/chain.ts";
import { LONGEST_LINE, readLog } from "../../../src/fed/audit/read_log.ts";
import { bytesOf, rebuilt } from "../../testing/audited_run.ts";

const keeps = (type: unknown) => type === "row";
const LOG = bytesOf(
  rebuilt(["row", "step", "row", "größer"].map((type) => JSON.stringify({ type, of: "é" })), null),
);

/** The bytes in pieces of one buffer that is filled again and again, as a file's reader has it. */
function* inPieces(bytes: Uint8Array, size: number): Iterable<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
  }
}

Deno.test("readLog: pieces of any size read as the whole does, also what is torn and what is wrong", () => {
  const torn = Uint8Array.from([...LOG, ...new TextEncoder().encode('{"prev"')]);
  const wrong = LOG.with(LOG.length >> 1, 1);
  for (const bytes of [LOG, torn, wrong, new Uint8Array()]) {
    const whole = readLog(bytes, { keeps });
    for (let size = 1; size <= 300; size++) {
      assertEquals(readLog(inPieces(bytes, size), { keeps }), whole, `${size}`);
    }
  }
  assertEquals(readLog(torn, { keeps }).torn, 7);
  assert(readLog(wrong, { keeps }).fault !== null);
});

Deno.test("readLog: of events that nobody asks for the type alone is kept: a log of a million lines fits into memory", () => {
  const { entries } = readLog(LOG, { keeps });
  assertEquals(entries.map(({ event }) => Object.keys(event).length), [3, 1, 3, 1]);
});

Deno.test("readLog: a line that is longer than any of fedx is wrong and not held in memory; lines go on after it", () => {
  const piece = new Uint8Array(1 << 20).fill("x".charCodeAt(0));
  let most = 0;
  function* endless(): Iterable<Uint8Array> {
    for (let i = 0; i < 200; i++) {
      yield piece;
      if (i % 20 === 0) most = Math.max(most, Deno.memoryUsage().rss);
    }
    yield new TextEncoder().encode(`"}\n{"prev":"${GENESIS}"}\n`);
  }
  const before = Deno.memoryUsage().rss;
  const { lines, fault, entries } = readLog(endless(), { keeps });
  assertEquals([lines, fault?.line, entries], [2, 1, []]);
  assertMatch(fault!.expected, new RegExp(`^a JSON object of at most ${LONGEST_LINE} bytes$`));
  assert(most - before < 120e6, `${most - before} bytes`);
});
