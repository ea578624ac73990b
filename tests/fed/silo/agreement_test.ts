import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  checkClosing,
  checkMissing,
  checkPlan,
  checkRow,
  checkSelected,
  checkView,
  type Past,
} from "../../../src/fed/silo/agreement.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { type Plan, planId, type RoundSettings, type RunView } from "../../../src/fed/protocol/messages.ts";
import { proposalOf } from "../../testing/fake_federation.ts";
import { startVector, TINY } from "../../testing/fake_trainer.ts";

const RUN = "0f".repeat(16);
const sha = (round: number) => `${round}`.padStart(64, "0");
const fresh: Past = { row: null, models: new Map(), closed: false, counted: 0, worked: 0 };

/** A plan under a budget: rows of any length up to 2.5 passes, progress that rises. */
function planUnder(changes: Partial<Plan> = {}): Plan {
  const proposal = proposalOf(startVector(TINY), { rounds: null, budget: 600, ...changes });
  return {
    ...proposal,
    roster: ["a", "b", "c"],
    pooled: { images: 288, positives: 144 },
    classWeights: [1, 1],
    ...changes,
  };
}

function rowOf(plan: Plan, changes: Partial<RoundSettings> = {}): RoundSettings {
  const silos = Object.fromEntries(plan.roster.map((name) => [name, { from: 0, to: 1 }]));
  const fixed = {
    version: 3 as const,
    run: RUN,
    round: 1,
    base: plan.init.sha256,
    roster: plan.roster,
    silos,
  };
  return {
    ...fixed,
    p0: 0,
    p1: 0.1,
    scale: { weights: 32, statistics: 20 },
    score: true,
    last: false,
    ...changes,
  };
}

const message = (body: () => void) => {
  const error = assertThrows(body, ProtocolError);
  assertEquals(error.code, "not_agreed");
  return error.message;
};

Deno.test("checkRow under a budget: up to 2.5 local passes, progress that only rises, 1 at the last", () => {
  const plan = planUnder();
  const look = (changes: Partial<RoundSettings>, past = fresh) => () =>
    checkRow(rowOf(plan, changes), { run: RUN, silo: "a", plan, past });
  const silos = (to: number) => ({ silos: { a: { from: 0, to }, b: { from: 0, to }, c: { from: 0, to } } });
  look({})();
  look(silos(2.5))();
  look(silos(0.2))(); // no step of a
  look({ p1: 1, last: true })();
  assertMatch(message(look(silos(2.6))), /0\.111 to 2\.5 passes in round 1, got 2\.6/);
  assertMatch(message(look(silos(0))), /0\.111 to 2\.5 passes in round 1, got 0/);
  assertMatch(message(look(silos(0.11))), /got 0\.11/);
  assertMatch(message(look({ p0: 0.2, p1: 0.2 })), /progress that rises from 0/);
  assertMatch(message(look({ p1: 0.9, last: true })), /progress 1 at the end of the last row/);
});

Deno.test("checkRow: val is scored about once a pass, as plan and round have it, and never else", () => {
  const asked = (round: number, score: boolean) => () => {
    const plan = planUnder({ localEpochs: 0.25, rounds: 8, budget: null });
    const silos = Object.fromEntries(plan.roster.map((name) => [name, { from: 0, to: 0.25 }]));
    const progress = { p0: (round - 1) / 8, p1: round / 8 };
    checkRow(rowOf(plan, { round, score, silos, ...progress }), { run: RUN, silo: "a", plan, past: fresh });
  };
  asked(1, true)();
  asked(2, false)();
  asked(5, true)();
  assertMatch(message(asked(5, false)), /val scored in round 5, got false/);
  assertMatch(message(asked(6, true)), /val not scored in round 6, got true/);
});

Deno.test("checkRow under a budget: no row beyond the passes that the operator accepts, and the error says whose limit", () => {
  const plan = planUnder();
  const ask = (maxPasses?: number) =>
    checkRow(rowOf(plan), { run: RUN, silo: "a", plan, past: fresh, maxPasses });
  ask();
  ask(1);
  const error = assertThrows(() => ask(0.9), ProtocolError);
  assertEquals(error.code, "passes_not_accepted");
  assertMatch(
    error.message,
    /at most 0\.9 passes by accept\.max_passes, got 1 .*change it in this silo's settings/,
  );
});

Deno.test("checkRow: gaps are legal, what falls or comes after the end is not", () => {
  const plan = planUnder();
  const before = rowOf(plan, { round: 3, base: sha(2), p0: 0.2, p1: 0.3 });
  const past: Past = { ...fresh, row: before, models: new Map([[2, sha(2)], [4, sha(4)]]) };
  const next = (from: number) =>
    Object.fromEntries(plan.roster.map((name) => [name, { from, to: from + 1 }]));
  const look = (changes: Partial<RoundSettings>, of: Past = past) => () =>
    checkRow(rowOf(plan, { round: 5, base: sha(4), p0: 0.5, p1: 0.6, silos: next(1), ...changes }), {
      ...{ run: RUN, silo: "a", plan, past: of },
    });
  look({})();
  look({ silos: next(0) })(); // the update of round 3 did not count
  look({ round: 9, base: sha(8) })();
  assertMatch(message(look({ silos: next(2) })), /a stretch from 1, or again from 0, got 2/);
  assertMatch(message(look({ base: sha(7) })), /as the base of round 5/);
  assertMatch(message(look({ p0: 0.25 })), /progress that rises from 0\.3/);
  assertMatch(message(look({ round: 2 })), /a round after 3, got 2/);
  assertMatch(message(look({ round: 3 })), /round 3 as it was first told/);
  assertMatch(message(look({}, { ...past, closed: true })), /no row after the closing phase/);
  const ended = { ...past, row: { ...before, p1: 1, last: true } };
  assertMatch(message(look({}, ended)), /no row after the last, 3/);
});

Deno.test("checkRow: a stretch is asked for again only as long as the aggregator has not said that it counts", () => {
  const plan = planUnder();
  const next = (from: number) =>
    Object.fromEntries(plan.roster.map((name) => [name, { from, to: from + 1 }]));
  const before = rowOf(plan, { round: 3, base: sha(2), p0: 0.2, p1: 0.3, silos: next(1) });
  const row = (from: number) => rowOf(plan, { round: 4, base: sha(3), p0: 0.3, p1: 0.4, silos: next(from) });
  const look = (from: number, counted: number) => () => {
    const past = { ...fresh, row: before, counted };
    checkRow(row(from), { run: RUN, silo: "a", plan, past });
  };
  for (const counted of [0, 2]) {
    look(1, counted)();
    look(2, counted)();
  }
  look(2, 3)();
  assertMatch(message(look(1, 3)), /a stretch from 2, got 1/);
});

Deno.test("checkRow under a budget: no row, new or again, once the silo has worked for ten of them", () => {
  const look =
    (worked: number, { budget, rounds }: { budget: number | null; rounds: number | null }) => () => {
      const plan = planUnder({ budget, rounds });
      const row = rowOf(plan, { p1: 1 / (rounds ?? 10) });
      const options = { run: RUN, silo: "a", plan };
      for (const before of [null, row]) {
        checkRow(row, { ...options, past: { ...fresh, row: before, worked } });
      }
    };
  const limited = { budget: 600, rounds: null };
  look(6000, limited)();
  assertMatch(message(look(6001, limited)), /no row after 6000 s of this silo's work, got 6001 s before it/);
  look(1e9, { budget: null, rounds: 3 })();
});

Deno.test("checkView: another run than the one that was joined, as after --new at the hub, is told with its own remedy", () => {
  const proposal = proposalOf(startVector(TINY));
  const view = { run: "0".repeat(32), proposal, plan: null } as RunView;
  const error = assertThrows(() => checkView(view, { run: RUN, proposal, plan: null }), ProtocolError);
  assertEquals(error.code, "other_run");
  assertMatch(error.message, /remedy: start this silo with --new too/);
});

Deno.test("checkPlan: a silo that comes after the plan is in no sum of it; one that came before must be", () => {
  const plan = planUnder({ roster: ["a", "b"], quorum: 2, pooled: { images: 192, positives: 96 } });
  const { roster: _, pooled: __, classWeights: ___, ...proposal } = plan;
  const view = { plan, planId: planId(plan) } as RunView;
  const own = { images: 960, positives: 480 };
  checkPlan(view, { proposal, silo: "c", own, late: true });
  const early = () => checkPlan(view, { proposal, silo: "c", own, late: false });
  assertMatch(message(early), /a roster with c, which had joined/);
  assertMatch(message(() => checkPlan(view, { proposal, silo: "a", own, late: true })), /480 of 960 images/);
});

Deno.test("checkPlan recomputes the class weights from the pooled counts", () => {
  const base = planUnder();
  const recipe = { ...base.recipe, loss: { ...base.recipe.loss, classWeights: true } };
  const pooled = { images: 300, positives: 100 };
  const look = (classWeights: [number, number]) => () => {
    const plan = { ...base, recipe, pooled, classWeights };
    const { roster: _, pooled: __, classWeights: ___, ...proposal } = plan;
    const own = { images: 96, positives: 48 };
    checkPlan({ plan, planId: planId(plan) } as RunView, { proposal, silo: "a", own, late: false });
  };
  look([0.75, 1.5])();
  assertMatch(message(look([0.75, 1.6])), /class weights 0\.75, 1\.5, got \[0\.75,1\.6\]/);
});

Deno.test("checkMissing: a finished run says who was missing, of those invited, in rounds that it had", () => {
  const said = (missing?: Record<string, number[]>) => () =>
    checkMissing({ round: 3, ...missing && { missing } }, ["a", "b", "c"]);
  const sound: Record<string, number[]>[] = [{}, { a: [1, 4], c: [1, 2, 3, 4] }];
  for (const missing of sound) assertEquals(said(missing)(), missing);
  assertMatch(message(said()), /who was missing, as a finished run says it, got nothing/);
  assertMatch(message(said({ d: [1] })), /among those invited, a, b, c, got d/);
  for (const rounds of [[5], [2, 2], [2, 1]]) {
    assertMatch(message(said({ b: rounds })), /rounds of 1 to 4 without b, rising/);
  }
});

Deno.test("checkClosing and checkSelected: after the rows, once, and of models that were shown", () => {
  const plan = planUnder();
  const past: Past = { ...fresh, row: rowOf(plan, { round: 3 }), models: new Map([[2, sha(2)]]) };
  const view = (round: number) => ({ round }) as RunView;
  checkClosing(view(3), { plan, past, asked: null });
  checkClosing(view(2), { plan, past, asked: null }); // round 3 was abandoned
  checkClosing(view(3), { plan, past: fresh, asked: null });
  assertMatch(message(() => checkClosing(view(1), { plan, past, asked: null })), /round 3 or later, got 1/);
  assertMatch(message(() => checkClosing(view(4), { plan, past, asked: 3 })), /after 3 rounds, got 4/);
  const select = (round: number, sha256: string, tested: string | null = null) => () =>
    checkSelected({ round: 3, selected: { round, sha256 } }, { plan, past, tested });
  select(2, sha(2))();
  select(2, sha(2), sha(2))();
  select(1, sha(9))(); // of a round that this silo was not asked about
  assertMatch(message(select(2, sha(9))), /the model 0+2 of round 2/);
  assertMatch(message(select(0, sha(9))), /of round 0/);
  assertMatch(message(select(4, sha(9))), /a model of rounds 0 to 3, got 4/);
  assertMatch(message(select(1, sha(9), sha(2))), /one test of one model/);
});
