import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  closingTime,
  likeNext,
  plausibleSpeed,
  recentMedian,
  rowCost,
} from "../../../src/fed/maths/row_share.ts";

Deno.test("rowCost: the median of three rows survives a slow start and a restart", () => {
  const row = (wall: number, share = 1) => ({ wall, train: wall - 5, share });
  assertEquals(rowCost([row(500), row(45), row(47), row(46)]), { overhead: 5, full: 41 });
  assertEquals(rowCost([row(45), row(900), row(25, 0.5)]), { overhead: 5, full: 40 });
  assertEquals(rowCost([row(500), row(45)]), { overhead: 5, full: 40 });
  assertEquals(rowCost([{ wall: 30, train: null, share: 0.5 }]), { overhead: 0, full: 60 });
});

Deno.test("recentMedian: the median of the last three; one that stood still moves it little", () => {
  assertEquals(recentMedian([]), null);
  assertEquals(recentMedian([40]), 40);
  assertEquals(recentMedian([900, 40, 3600, 42]), 42);
});

Deno.test("likeNext: rows are looked at as if they had scored val, or not, just as the next one does", () => {
  const timings = [
    { share: 1, wall: 50, train: 40, scored: true },
    { share: 1, wall: 45, train: 40, scored: false },
    { share: 1, wall: 41, train: 40, scored: true },
  ];
  const walls = (scored: boolean) => likeNext(timings, { scored, seconds: 5 }).map(({ wall }) => wall);
  assertEquals(walls(true), [50, 50, 41]);
  assertEquals(walls(false), [45, 45, 40], "never below the training itself");
});

Deno.test("closingTime: from the measured scoring; before that from the speed of training", () => {
  const turn = { val: 100, test: 150, score: 4, pull: 0.5, stepsPerSecond: 3 };
  assertAlmostEquals(
    closingTime([turn, { ...turn, score: 2 }], { batch: 32, budget: 1200 }),
    1 + 4 * 2.5 + 1,
    1e-9,
  );
  const guess = closingTime([{ ...turn, score: null, pull: null }], { batch: 32, budget: null });
  assertAlmostEquals(guess, 1 + 250 / (32 * 9), 1e-9);
});

Deno.test("closingTime keeps a quarter of the budget at most, whatever a silo says of its speed and scoring", () => {
  const turn = { val: 100, test: 150, score: null, pull: null, stepsPerSecond: 3 };
  for (
    const change of [{ stepsPerSecond: 5e-324 }, { stepsPerSecond: 1e-6 }, { score: 540 }, { pull: 1e7 }]
  ) {
    assertEquals(closingTime([turn, { ...turn, ...change }], { batch: 32, budget: 1200 }), 300);
  }
});

Deno.test("plausibleSpeed is a finite number above 0 for any measurement", () => {
  const measured = [NaN, -1, 0, 5e-324, 1e-6, 3.5, 1e9, Infinity];
  assertEquals(measured.map(plausibleSpeed), [1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 3.5, 1e6, 1e6]);
});
