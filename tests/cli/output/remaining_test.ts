import { assertEquals } from "@std/assert";
import { type Course, courseLine, roughly, secondsLeft } from "../../../src/cli/output/remaining.ts";

const START: Course = { rounds: 10, budget: null, done: 0, usual: null, elapsed: 0, open: 0 };

Deno.test("secondsLeft: nothing is said before a round is done, then the rounds left take what rounds took", () => {
  assertEquals(secondsLeft(START), null);
  assertEquals(secondsLeft({ ...START, open: 500, elapsed: 500 }), null);
  const second = { ...START, done: 1, usual: 40, elapsed: 40 };
  assertEquals(secondsLeft(second), 9 * 40);
  assertEquals(secondsLeft({ ...second, open: 30 }), 8 * 40 + 10);
  assertEquals(secondsLeft({ ...second, open: 300 }), 8 * 40, "a round that takes longer has nothing left");
  assertEquals(secondsLeft({ ...second, done: 10 }), 0);
});

Deno.test("secondsLeft: a budget ends the run, unless its rounds do so before", () => {
  const budget = { ...START, rounds: null, budget: 1200 };
  assertEquals(secondsLeft(budget), 1200);
  assertEquals(secondsLeft({ ...budget, done: 3, usual: 60, elapsed: 200, open: 20 }), 1000);
  assertEquals(secondsLeft({ ...budget, elapsed: 1300 }), 0);
  assertEquals(secondsLeft({ ...budget, rounds: 4, done: 3, usual: 60, elapsed: 200, open: 20 }), 40);
});

Deno.test("roughly and courseLine say what somebody who waits wants to know", () => {
  const said = [0, 20.4, 59.4, 60, 360, 3480, 7140, 7200, 12_000, 172_800].map(roughly);
  assertEquals(said, [
    ...["0 s", "20 s", "59 s", "1 min", "6 min", "58 min", "119 min", "2 h"],
    ...["3 h 20 min", "2 days"],
  ]);
  assertEquals(courseLine(1, START), "round 1 of 10");
  const later = { ...START, done: 1, usual: 40, elapsed: 40 };
  assertEquals(courseLine(2, later), "round 2 of 10, about 6 min left");
  assertEquals(courseLine(2, { ...later, rounds: null, budget: 1240 }), "round 2, about 20 min left");
});
