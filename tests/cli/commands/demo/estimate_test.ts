import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { planPasses, secondsOf } from "../../../../src/cli/commands/demo/estimate.ts";

const pace = { pass: 7, start: 8 };
const asked = { passes: 12, films: 480, elapsed: 15 };

Deno.test("secondsOf counts two starts, every pass twice, and the models on their way once a round", () => {
  assertAlmostEquals(secondsOf(12, pace), 2 * 8 + 12 * 2 * 7 + 12 * 0.6);
  assertAlmostEquals(secondsOf(2, pace) - secondsOf(1, pace), 2 * 7 + 0.6);
});

Deno.test("planPasses makes the passes that were asked for without a limit, on a slow machine too, and where they fit one", () => {
  const slow = { pass: 700, start: 80 };
  assertEquals(planPasses(asked, slow).passes, 12);
  assertEquals(planPasses(asked, slow).lines.length, 1);
  const { lines } = planPasses(asked, pace);
  assertEquals(planPasses({ ...asked, minutes: 4 }, pace), { passes: 12, lines });
});

Deno.test("planPasses counts the time that is over, and takes the most passes that the rest has room for", () => {
  const passes = (elapsed: number, minutes: number) =>
    planPasses({ ...asked, elapsed, minutes }, pace).passes;
  assertEquals([passes(0, 2), passes(14, 2), passes(15, 2)], [7, 6, 6]);
  assertEquals([passes(0, 1), passes(29, 1)], [3, 1]);
  assertThrows(
    () => passes(30, 1),
    Error,
    "got 1 minute (remedy: give --minutes 2 or none, or fewer --films)",
  );
});

Deno.test("an estimate is told in tens of seconds, then in minutes, and one pass is none too many", () => {
  const told = (pass: number, passes = 1) =>
    planPasses({ ...asked, passes }, { pass, start: 0 }).lines[0].split(":")[0];
  assertEquals(told(1), "About 10 seconds more on this machine");
  assertEquals(told(34), "About 70 seconds more on this machine");
  assertEquals(told(48), "About 2 minutes more on this machine");
  assertEquals(told(70, 3), "About 7 minutes more on this machine");
  assertEquals(
    planPasses({ ...asked, passes: 1, films: 96 }, pace).lines[0].split(": ")[1],
    "1 pass over 96 films in each of three hospitals, then each alone.",
  );
});
