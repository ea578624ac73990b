import { assertEquals } from "@std/assert";
import type { RoundSettings } from "../../../src/fed/protocol/messages.ts";
import { ROUNDS, Told } from "../../../src/fed/silo/told.ts";
import { StateFolder } from "../../../src/fed/state/folder.ts";
import { inFolder } from "../../testing/folder.ts";

const SILOS = ["a", "b", "c"];

/** What is used of a row: `from` is where a's stretch of one pass begins. */
const row = (round: number, roster: string, from: number) =>
  ({ round, roster: [...roster], silos: { a: { from, to: from + 1 } } }) as unknown as RoundSettings;

/** What a was told, row by row. */
async function told(rows: RoundSettings[], after: (told: Told) => void = () => {}): Promise<Told["missing"]> {
  let missing: Record<string, number[]>[] = [];
  await inFolder(async (dir) => {
    using folder = await StateFolder.open(`${dir}/state`, { role: "silo a", schema: ROUNDS });
    const told = new Told(folder, "a");
    rows.forEach((one, at) => told.row(one, { before: rows[at - 1] ?? null, silos: SILOS }));
    after(told);
    missing = Array.from({ length: 7 }, (_, rounds) => told.missing(rounds));
  });
  return (rounds) => missing[rounds];
}

Deno.test("a silo that is asked every round, with all others, knows of nobody who is missing", async () => {
  const missing = await told([row(1, "abc", 0), row(2, "abc", 1), row(3, "abc", 2)]);
  assertEquals(missing(3), {});
});

Deno.test("a silo is told who is missing by each row's roster, and knows the rounds that it was not asked in", async () => {
  const missing = await told([row(1, "abc", 0), row(2, "ab", 1), row(5, "abc", 2)]);
  assertEquals(missing(5), { c: [2], a: [3, 4] });
  assertEquals(missing(6), { c: [2], a: [3, 4, 6] });
  assertEquals(missing(2), { c: [2] }); // a round that was abandoned is none
});

Deno.test("a silo knows that its update did not count when its next stretch begins where the last one did", async () => {
  assertEquals((await told([row(1, "abc", 0), row(2, "abc", 0)]))(2), { a: [1] });
});

Deno.test("the last word on a silo's own update is what the hub said of it", async () => {
  const late = await told([row(1, "abc", 0), row(2, "abc", 1)], (told) => told.counts(2, false));
  assertEquals(late(2), { a: [2] });
  const again = await told([row(1, "abc", 0)], (told) => {
    told.counts(1, false);
    told.counts(1, true);
  });
  assertEquals(again(1), {});
});
