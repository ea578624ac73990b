/** Whole runs under a budget, simulated: what `planRow` makes of clocks that wobble and silos that stop. */
import { assert, assertGreaterOrEqual } from "@std/assert";
import { planRow, type RowRequest } from "../../../src/fed/maths/budget.ts";
import { abandonAt, closingTime, recentMedian } from "../../../src/fed/maths/row_share.ts";
import { seeded } from "../../testing/random.ts";
import { request, silo, steps } from "./row_request.ts";

/** A federation with a noisy clock. */
interface World {
  budget: number;
  /** Seconds of a full row's training and of a row's other work, with all silos at once. */
  full: number;
  overhead: number;
  silos: number;
  /** Every duration is multiplied by 1 ± wobble, uniform. */
  wobble: number;
  /** RoundSettings 1 takes this many times as long. */
  slowStart: number;
  /** A silo is stopped once, while it scores or trains. */
  stop?: { round: number; seconds: number; scoring: boolean };
}

/** How its run ended. */
interface End {
  /** As a part of the budget. */
  end: number;
  rows: number;
  abandoned: boolean;
  p1: number;
}

function simulate(world: World, random: () => number): End {
  const noisy = (seconds: number) => seconds * (1 + world.wobble * (2 * random() - 1));
  const names = Array.from({ length: world.silos }, (_, k) => `s${k}`);
  const train = (k: number) => 1500 - 200 * k;
  const alone = 1500 / 32 / world.full * world.silos;
  let silos: RowRequest["silos"] = Object.fromEntries(names.map((name, k) => [name, silo(train(k), alone)]));
  const timings: { share: number; wall: number; train: number }[] = [];
  const score = world.overhead * 0.7;
  const scorings: number[] = [];
  let elapsed = 0, p0 = 0;
  for (let round = 1;; round++) {
    const turn = { val: 100, test: 150, score: recentMedian(scorings), pull: null, stepsPerSecond: alone };
    const closing = closingTime(names.map(() => turn), { batch: 32, budget: world.budget });
    const plan = planRow(
      request({ round, p0, silos, timings, clock: { budget: world.budget, elapsed, closing } }),
    );
    const ended = (abandoned: boolean, rows: number) => {
      const end = elapsed + noisy(score * 2.5) + 1;
      return { end: end / world.budget, rows, abandoned, p1: p0 };
    };
    if (plan === null) return ended(false, round - 1);
    const slow = round === 1 ? world.slowStart : 1;
    const stopped = world.stop?.round === round ? world.stop.seconds : 0;
    const inScoring = world.stop?.scoring ? stopped : 0;
    const training = noisy(steps(plan, "s0", train(0)) / (train(0) / 32) * world.full) * slow + stopped -
      inScoring;
    const wall = training + noisy(world.overhead) * slow + inScoring;
    const latest = abandonAt({ budget: world.budget, closing });
    if (elapsed + wall > latest) {
      elapsed = Math.max(elapsed, latest);
      return ended(true, round - 1);
    }
    elapsed += wall;
    scorings.push(noisy(score) + inScoring);
    timings.push({ share: plan.silos.s0.to - plan.silos.s0.from, wall, train: training });
    silos = Object.fromEntries(names.map((name) => [name, { ...silos[name], from: plan.silos[name].to }]));
    p0 = plan.p1;
    if (plan.last) return ended(false, round);
  }
}

Deno.test("planRow: ≥ 99 % of runs from 1 to 60 min end in the last 5 % of the budget, rows ± 20 %, slow starts", () => {
  const random = seeded(11);
  for (const minutes of [1, 2, 5, 10, 20, 60]) {
    const budget = minutes * 60;
    let inside = 0, abandoned = 0, finished = 0;
    const RUNS = 1500;
    for (let run = 0; run < RUNS; run++) {
      const full = budget * 10 ** (random() * 1.2 - 1.9); // 1.3 % … 20 % of the budget
      const world = {
        budget,
        full,
        overhead: Math.max(0.6, full * (0.1 + 0.15 * random())),
        silos: 1 + run % 4,
        wobble: 0.1 + 0.1 * (run % 2),
        slowStart: 1 + 2 * random(),
      };
      const result = simulate(world, random);
      if (result.end >= 0.95 && result.end <= 1) inside++;
      if (result.abandoned) abandoned++;
      if (result.p1 === 1) finished++;
    }
    assertGreaterOrEqual(inside / RUNS, 0.99, `${minutes} min: ${inside} of ${RUNS} inside the window`);
    assert(abandoned / RUNS <= 0.03, `${minutes} min: ${abandoned} of ${RUNS} abandoned a row`);
    assertGreaterOrEqual(finished / RUNS, 0.95, `${minutes} min: ${finished} of ${RUNS} reached p1 = 1`);
  }
});

Deno.test("planRow: a run of 20 min with rows of a minute has at least 8 rounds", () => {
  const random = seeded(3);
  const world = { budget: 1200, full: 60, overhead: 8, silos: 3, wobble: 0.15, slowStart: 1.5 };
  for (let run = 0; run < 200; run++) assertGreaterOrEqual(simulate(world, random).rows, 8);
});

Deno.test("planRow: one stop of 540 s in a run of 20 min, in any round, leaves it to end in its last 5 %", () => {
  const random = seeded(5);
  const world = { budget: 1200, full: 60, overhead: 8, silos: 3, wobble: 0.15, slowStart: 1.5 };
  for (const round of [1, 2, 3, 4, 5, 6]) {
    for (const scoring of [false, true]) {
      const { end, rows, p1 } = simulate({ ...world, stop: { round, seconds: 540, scoring } }, random);
      assert(
        end >= 0.95 && end <= 1 && rows >= 3,
        `stopped in round ${round}: ${end}, ${rows} rows, p1 ${p1}`,
      );
    }
  }
});
