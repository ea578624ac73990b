import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { planRow } from "../../../src/fed/maths/budget.ts";
import { isScored } from "../../../src/fed/maths/scored_rows.ts";
import { stepsOf } from "../../../src/fed/maths/stretch.ts";

const SILOS = ["a", "b", "c"];
const passes = fc.oneof(
  fc.constantFrom(0.1, 0.25, 0.3, 1 / 3, 0.05, 1, 1.5, 2),
  fc.double({ min: 1e-3, max: 5, noNaN: true }),
);
/** For each row the silos it is for, and those of them whose part in it is done. */
const rows = fc.array(
  fc.record({
    there: fc.subarray(SILOS, { minLength: 1 }),
    done: fc.subarray(SILOS),
    left: fc.double({ min: 0.01, max: 1, noNaN: true }),
  }),
  { minLength: 1, maxLength: 60 },
);

Deno.test("whoever comes late or misses rows, a silo's steps follow each other and are floor(passes · n / B) in all", () => {
  const property = fc.property(
    fc.record({
      rows,
      localEpochs: passes,
      batch: fc.integer({ min: 1, max: 64 }),
      trains: fc.tuple(...SILOS.map(() => fc.integer({ min: 64, max: 5000 }))),
      budget: fc.boolean(),
    }),
    ({ rows, localEpochs, batch, trains, budget }) => {
      const train = Object.fromEntries(SILOS.map((silo, at) => [silo, trains[at]]));
      const from: Record<string, number> = { a: 0, b: 0, c: 0 };
      const taken: Record<string, number> = { a: 0, b: 0, c: 0 };
      for (const [at, { there, done, left }] of rows.entries()) {
        const plan = planRow({
          ...{ round: at + 1, localEpochs, batch, p0: budget ? 0.5 : 0 },
          rounds: budget ? null : rows.length,
          clock: budget ? { budget: 100, elapsed: 97 - 40 * left, closing: 0 } : null,
          timings: [{ share: 1, wall: 20, train: 18 }],
          silos: Object.fromEntries(
            there.map((silo) => [silo, { from: from[silo], train: train[silo], stepsPerSecond: 4 }]),
          ),
        });
        if (plan === null) break;
        for (const silo of there) {
          const { firstStep, steps } = stepsOf(plan.silos[silo], { train: train[silo], batch });
          assertEquals(firstStep, taken[silo], "none twice, none left out");
          assert(steps >= 0);
          if (!done.includes(silo)) continue;
          taken[silo] += steps;
          from[silo] = plan.silos[silo].to;
        }
      }
      for (const silo of SILOS) {
        const exact = from[silo] * train[silo] / batch;
        assert(Math.abs(taken[silo] - Math.floor(exact + 1e-6)) === 0, `${taken[silo]} steps of ${exact}`);
      }
    },
  );
  fc.assert(property, { seed: 7, numRuns: 500 });
});

Deno.test("stepsOf: a thousand tenths of a pass are a hundred passes, to the last step", () => {
  let at = 0;
  for (let row = 0; row < 1000; row++) at += 0.1;
  assert(at < 100);
  assertEquals(stepsOf({ from: 0, to: at }, { train: 1 << 20, batch: 16 }).steps, 100 * (1 << 16));
  // What is really less than a whole step is none.
  assertEquals(stepsOf({ from: 0, to: 1000 }, { train: (1 << 20) - 1, batch: 4096 }).steps, 255999);
});

Deno.test("isScored: the first row, then about one a pass; with whole passes each", () => {
  const scored = (localEpochs: number) =>
    Array.from({ length: 9 }, (_, at) => at + 1).filter((round) => isScored(round, localEpochs));
  assertEquals(scored(0.25), [1, 5, 9]);
  assertEquals(scored(0.3), [1, 4, 7]);
  assertEquals(scored(1e-6), [1]);
  for (const whole of [0.51, 1, 2.5, 1000]) assertEquals(scored(whole).length, 9);
  for (const every of [2, 4, 5, 8, 10, 20, 50, 100, 1000]) assert(isScored(every + 1, 1 / every));
});
