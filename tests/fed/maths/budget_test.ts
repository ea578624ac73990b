import { assert, assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { planRow, type RowRequest } from "../../../src/fed/maths/budget.ts";
import { fewSteps } from "../../../src/fed/maths/few_steps.ts";
import { closingTime } from "../../../src/fed/maths/row_share.ts";
import { stepsOf } from "../../../src/fed/maths/stretch.ts";
import { request, share, silo, steps } from "./row_request.ts";

Deno.test("planRow: with rounds, row r has [(r−1)/R, r/R] and full steps, then null", () => {
  for (const round of [1, 2, 3]) {
    const plan = planRow(request({ clock: null, rounds: 3, round }))!;
    assertEquals([plan.p0, plan.p1, plan.last], [(round - 1) / 3, round / 3, round === 3]);
    assertEquals(steps(plan, "a", 1600), 50);
  }
  assertEquals(planRow(request({ clock: null, rounds: 3, round: 4 })), null);
  assertThrows(() => planRow(request({ clock: null })), RangeError);
  assertThrows(() => planRow(request({ silos: {} })), RangeError);
});

Deno.test("planRow: rows of E passes; fractions of a batch are carried, none is lost", () => {
  let silos: RowRequest["silos"] = { a: silo(1000), b: silo(777) };
  const taken = { a: 0, b: 0 };
  for (let round = 1; round <= 32; round++) {
    const plan = planRow(request({ clock: null, rounds: 32, round, silos, localEpochs: 1.5 }))!;
    for (const name of ["a", "b"] as const) {
      const { firstStep, steps } = stepsOf(plan.silos[name], { train: silos[name].train, batch: 32 });
      assertEquals(firstStep, taken[name]);
      taken[name] += steps;
    }
    silos = { a: { ...silos.a, from: plan.silos.a.to }, b: { ...silos.b, from: plan.silos.b.to } };
  }
  assertEquals(taken, { a: 1500, b: Math.floor(777 * 1.5) });
});

/** The last row of a budget that is all but spent: so many seconds are left for it, 10 of them before any step. */
const late = (left: number) => ({
  ...{ round: 9, p0: 0.9, timings: [{ share: 1, wall: 40, train: 30 }] },
  clock: { budget: 1200, elapsed: 1200 * 0.975 - 20 - left, closing: 20 },
});

Deno.test("planRow: every silo of a row takes as many passes, wherever it stands, though a small one has no step in them", () => {
  const silos = { a: { ...silo(1600), from: 3.2 }, b: { ...silo(40), from: 0 } };
  const plan = planRow(request({ ...late(23), silos }))!;
  assert(plan.last);
  assertAlmostEquals(share(plan), 13 / 30, 1e-9);
  assertAlmostEquals(share(plan), plan.silos.b.to - plan.silos.b.from, 1e-12);
  assertEquals([steps(plan, "a", 1600), steps(plan, "b", 40)], [21, 0]);
});

Deno.test("planRow: a row under a budget has a step of the largest silo, whose images its passes do not tell", () => {
  const passes = [1590, 1600, 1610].map((images) => {
    const timings = [{ share: 1, wall: 60, train: 30 }];
    const plan = planRow(request({ ...late(30.1), timings, silos: { a: silo(images), b: silo(40) } }))!;
    assertEquals([plan.last, steps(plan, "a", images), steps(plan, "b", 40)], [true, 1, 0]);
    return share(plan);
  });
  assertEquals(new Set(passes).size, 1);
});

Deno.test("planRow: rounds of less than a step last as long as one under a budget, and no silo is asked for scores alone", () => {
  const clock = { budget: 1200, elapsed: 300, closing: 20 };
  const tiny = { round: 2, p0: 0.1, clock, timings: [{ share: 25, wall: 2, train: 1 }], localEpochs: 1e-3 };
  const plan = planRow(request(tiny))!;
  assertEquals(steps(plan, "a", 1600), 1);
  assertAlmostEquals(plan.p1, 0.1 + 0.9 * 2 / (1200 * 0.975 - 320), 1e-3);
  const guest = { a: silo(1600), b: silo(16000) };
  const [alone, known] = [undefined, 1600].map((pooled) =>
    planRow(request({ ...tiny, silos: guest, pooled }))!
  );
  assert(share(alone) < 32 / 1600 && share(known) >= 32 / 1600, "b came after the plan");
});

Deno.test("stepsOf: sums of fractional passes leave no silo without a step", () => {
  for (const [localEpochs, train] of [[0.1, 320], [0.2, 160], [0.05, 640]]) {
    let silos: RowRequest["silos"] = { a: silo(train) };
    for (let round = 1; round <= 100; round++) {
      const plan = planRow(request({ clock: null, rounds: 100, round, silos, localEpochs }))!;
      assertEquals(steps(plan, "a", train), 1);
      silos = { a: { ...silos.a, from: plan.silos.a.to } };
    }
  }
});

Deno.test("planRow: row 1 under a budget is full, its progress from the measured speed alone", () => {
  const plan = planRow(request())!;
  assertEquals([steps(plan, "a", 1600), steps(plan, "b", 1000), plan.last], [50, 31, false]);
  assertAlmostEquals(plan.p1, 12.5 / (1200 * 0.975 - 15), 1e-12);
});

Deno.test("planRow: row 1 is cut when silos that share a machine could spend much of the budget on it", () => {
  const plan = planRow(request({ clock: { budget: 60, elapsed: 0, closing: 5 } }))!;
  assert(share(plan) < 1 && !plan.last);
  assert(steps(plan, "a", 1600) / 4 * 2 <= 60 / 8);
});

Deno.test("planRow: from row 2 on the measured wall plans p1 = p0 + (1 − p0)·planned/(left − reserve)", () => {
  const clock = { budget: 1200, elapsed: 300, closing: 20 };
  const timings = [{ share: 1, wall: 70, train: 60 }];
  const plan = planRow(request({ round: 2, p0: 0.1, clock, timings }))!;
  assertEquals([share(plan), plan.last], [1, false]);
  assertAlmostEquals(plan.p1, 0.1 + 0.9 * 70 / (1200 * 0.975 - 320), 1e-12);
});

Deno.test("planRow: less than 1.5 rows left makes the last: p1 = 1, steps fill what remains", () => {
  const timings = [{ share: 1, wall: 40, train: 30 }];
  const plan = planRow(
    request({ round: 9, p0: 0.9, timings, clock: { budget: 1200, elapsed: 1100, closing: 20 } }),
  )!;
  assertEquals([plan.p1, plan.last], [1, true]);
  assertAlmostEquals(share(plan), (1200 * 0.975 - 1120 - 10) / 30, 1e-9);
  const late = request({ round: 9, p0: 0.9, timings, clock: { budget: 1200, elapsed: 1145, closing: 20 } });
  assertEquals(planRow(late), null);
});

Deno.test("planRow: a limit of rounds beside the budget still ends at p1 = 1", () => {
  let p0 = 0;
  for (let round = 1; round <= 4; round++) {
    const timings = round === 1 ? [] : [{ share: 1, wall: 10, train: 8 }];
    const plan = planRow(request({ rounds: 4, round, p0, timings }))!;
    assertEquals(plan.last, round === 4);
    assertAlmostEquals(plan.p1, round / 4, 1e-9);
    p0 = plan.p1;
  }
});

Deno.test("fewSteps tells of rounds with fewer than 20 steps by their passes, however many one round happens to hold", () => {
  const told = (train: number, localEpochs: number) => fewSteps(" at b", { train, batch: 32, localEpochs });
  assertEquals(
    told(320, 1),
    "about 10 steps a round at b, fewer than 20: more --local-epochs or a smaller --batch gives more",
  );
  assertMatch(told(100, 0.1)!, /^about 0\.31 steps a round at b,/);
  assertMatch(told(639, 1)!, /^about 20 steps/);
  assertEquals([told(640, 1), told(2560, 0.25)], [null, null]);
});

Deno.test("planRow: one silo that claims to be slow gets the first row opened, with a step of the largest at least", () => {
  for (const claimed of [5e-324, 1e-6, 1e-3]) {
    const silos = { a: silo(1600), b: silo(1000), c: silo(1200, claimed) };
    const turns = Object.values(silos).map(({ train, stepsPerSecond }) => {
      return { val: train / 8, test: train / 8, score: null, pull: null, stepsPerSecond };
    });
    for (const budget of [5, 60, 1200]) {
      const closing = closingTime(turns, { batch: 32, budget });
      const plan = planRow(request({ silos, clock: { budget, elapsed: 0, closing } }))!;
      assert(steps(plan, "a", 1600) >= 1);
      assert(!plan.last);
      assert(plan.p1 > 0 && plan.p1 <= 1 / 8, `p1 ${plan.p1}`);
    }
  }
});

Deno.test("planRow: a reserve beyond the whole budget leaves the first row an eighth of it", () => {
  const plan = planRow(request({ clock: { budget: 1200, elapsed: 0, closing: 5000 } }))!;
  assertAlmostEquals(share(plan), 1200 / 8 / 8 / (12.5 * 2), 1e-9);
});

Deno.test("planRow: a long stop in the only finished row is not taken for its overhead", () => {
  const clock = { budget: 1200, elapsed: 600, closing: 300 };
  const plan = planRow(request({ round: 2, p0: 0.05, clock, timings: [{ share: 1, wall: 600, train: 12 }] }));
  assert(plan !== null && !plan.last && share(plan) > 0);
});

/** Any number that a silo or a clock may give: huge, tiny, denormal, none. */
const hostile = (max: number) =>
  fc.oneof(fc.constantFrom(0, 5e-324, 1e-300, 1e-6, max), fc.double({ min: 0, max, noNaN: true }));

Deno.test("planRow: whatever the silos claim, 0 ≤ p0 < p1 ≤ 1 and each stretch is finite and above 0", () => {
  const silos = fc.array(fc.record({ train: fc.integer({ min: 1, max: 2 ** 22 }), speed: hostile(1e308) }), {
    minLength: 1,
    maxLength: 5,
  });
  const share = fc.double({ min: 1e-3, max: 2.5, noNaN: true });
  const timings = fc.array(
    fc.record({ share, wall: hostile(1e9), train: fc.option(hostile(1e9)) }),
    { maxLength: 4 },
  );
  const property = fc.property(
    fc.record({
      silos,
      timings,
      budget: fc.double({ min: 1, max: 1e8, noNaN: true }),
      elapsed: hostile(1e8),
      closing: hostile(1e12),
      p0: fc.oneof(
        fc.constantFrom(0, 1 - 2 ** -53),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      ),
      batch: fc.integer({ min: 1, max: 65536 }),
      localEpochs: fc.double({ min: 1e-6, max: 1e4, noNaN: true }),
      rounds: fc.option(fc.integer({ min: 5, max: 9 })),
    }),
    ({ silos, timings, budget, elapsed, closing, ...rest }) => {
      const first = timings.length === 0;
      const plan = planRow({
        ...rest,
        timings,
        round: timings.length + 1,
        clock: { budget, elapsed: first ? 0 : elapsed, closing },
        silos: Object.fromEntries(silos.map(({ train, speed }, k) => [`s${k}`, silo(train, speed)])),
      });
      if (plan === null) return assert(!first);
      assert(rest.p0 <= plan.p0 && plan.p0 < plan.p1 && plan.p1 <= 1, `p ${plan.p0} … ${plan.p1}`);
      assertEquals(plan.last, plan.p1 === 1);
      for (const { from, to } of Object.values(plan.silos)) {
        const passes = to - from;
        assert(passes > 0 && passes <= Math.max(1, 2.5 * rest.localEpochs) * (1 + 1e-9), `${passes} passes`);
      }
    },
  );
  fc.assert(property, { seed: 5, numRuns: 3000 });
});

Deno.test("planRow: an engine that takes no time never gets an endless row", () => {
  const timings = [{ share: 1, wall: 0.2, train: 0 }];
  const plan = planRow(request({ round: 2, timings, clock: { budget: 60, elapsed: 55, closing: 3.3 } }))!;
  assert(share(plan) <= 2.5);
});

Deno.test("planRow: where everybody is to take a step, the shortest row holds one of the smallest silo, wherever each stands", () => {
  const silos = { a: silo(5000), b: silo(640), c: { ...silo(64), from: 0.75 } };
  const clock = { budget: 1200, elapsed: 1000, closing: 15 };
  const timings = [{ share: 1, wall: 600, train: 590 }];
  for (const [everybody, least] of [[false, 0], [true, 1]] as const) {
    const row = planRow(request({ silos, clock, timings, everybody, p0: 0.9 }))!;
    assertEquals(steps(row, "c", 64), least);
    assert(steps(row, "a", 5000) > 0);
  }
});
