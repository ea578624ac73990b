import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { type ScoredModel, select } from "../../../src/fed/maths/selection.ts";
import { seeded } from "../../testing/random.ts";

/** `[auroc, se, positives, negatives]` of each silo. */
type Line = [auroc: number | null, se: number | null, positives?: number, negatives?: number];

function model(round: number, lines: Record<string, Line>): ScoredModel {
  const scores = Object.entries(lines).map(([silo, [auroc, se, positives = 50, negatives = 50]]) =>
    [silo, { auroc, se, positives, negatives }] as const
  );
  return { round, scores: Object.fromEntries(scores) };
}

Deno.test("select: the highest AUROC weighted by P·N, not the plain mean", () => {
  const models = [
    model(0, { a: [0.6, 0.01, 10, 10], b: [0.75, 0.01, 100, 100] }),
    model(1, { a: [0.9, 0.01, 10, 10], b: [0.7, 0.01, 100, 100] }),
  ];
  const chosen = select(models, { roster: ["a", "b"], last: 1 });
  assertEquals(chosen.round, 0);
  assertAlmostEquals(chosen.auroc!, (100 * 0.6 + 10000 * 0.75) / 10100, 1e-12);
});

Deno.test("select: silos with fewer than 10 of either class weigh 0 but must have scored", () => {
  const models = [
    model(1, { a: [0.9, 0.01], b: [null, null, 3, 90] }),
    model(2, { a: [0.95, 0.01] }),
  ];
  assertEquals(select(models, { roster: ["a", "b"], last: 2 }).round, 1);
  assertEquals(select(models, { roster: ["a"], last: 2 }).round, 2);
});

/** Models of one silo, the start first, by their AUROC. */
const history = (se: number, ...aurocs: (number | null)[]) =>
  aurocs.map((auroc, round) => model(round, { a: [auroc, auroc === null ? null : se] }));
const chosen = (models: ScoredModel[], held?: number[]) =>
  select(models, { roster: ["a"], last: models.length - 1, held });

Deno.test("select: the latest model that is within half a standard error of the best one, and says so", () => {
  const { round, auroc, reason } = chosen(history(0.04, 0.5, 0.9, 0.87, 0.89, 0.879));
  assertEquals([round, auroc], [3, 0.89]);
  assertEquals(
    reason,
    "the latest of 5 models within half a standard error (0.020) of the best val AUROC, 0.900 of round 1",
  );
  const best = chosen(history(0.04, 0.5, 0.9, 0.95, 0.92));
  assertEquals([best.round, best.reason], [2, "the best of 4 models by val AUROC"]);
  assertEquals(chosen(history(0.04, 0.5)).reason, "the best of 1 model by val AUROC");
});

Deno.test("select: the error is the best model's own, over all hospitals' pairs", () => {
  const pair = (round: number, auroc: number, se: number) => model(round, { a: [auroc, se], b: [auroc, se] });
  const models = [pair(1, 0.9, 0.04 * Math.SQRT2), pair(2, 0.885, 0.2), pair(3, 0.875, 0.2)];
  assertEquals(select(models, { roster: ["a", "b"], last: 3 }).round, 2);
});

Deno.test("select: of equal models the latest, as of small sets that saturate at 1", () => {
  assertEquals(chosen(history(0.01, 0.9, 1, 1, 1, 0.99)).round, 3);
  assertEquals(chosen(history(1e-9, 0.7, 0.7, 0.7)).round, 2);
});

Deno.test("select: the start only where every later model is worse by more than a whole standard error", () => {
  assertEquals(chosen(history(0.1, 0.7, 0.55, 0.58)).round, 0);
  const lucky = chosen(history(0.1, 0.7, 0.55, 0.61, 0.5));
  assertEquals(lucky.round, 2);
  assertEquals(
    lucky.reason,
    "the latest of 4 models within one standard error (0.10) of the best val AUROC, 0.700 of the start",
  );
});

Deno.test("select: a run that diverges at its end, or has no numbers there, hands over what was before", () => {
  assertEquals(chosen(history(0.05, 0.5, 0.8, 0.85, 0.55)).round, 2);
  const wild = history(0.05, 0.5, 0.8, 0.85, null);
  wild[3] = { round: 3, scores: { a: { ...wild[3].scores.a, diverged: true } } };
  assertEquals(chosen(wild).round, 2);
});

Deno.test("select: one hospital alone that can tell decides for all", () => {
  const models = [0.6, 0.8, 0.7].map((auroc, round) =>
    model(round, { a: [null, null, 4, 90], b: [auroc, 0.05], c: [null, null, 3, 3] })
  );
  assertEquals(select(models, { roster: ["a", "b", "c"], last: 2 }).round, 1);
});

Deno.test("select never goes back to an earlier model, whatever is scored next: none but the selected is held", () => {
  const random = seeded(3);
  for (let run = 0; run < 200; run++) {
    const models = history(0, ...Array.from({ length: 12 }, () => random()))
      .map(({ round, scores: { a } }) => ({ round, scores: { a: { ...a, se: random() / 2 } } }));
    let before = 0;
    for (let last = 0; last < models.length; last++) {
      const known = models.slice(0, last + 1);
      const { round } = chosen(known);
      assertEquals(round === before || round === last, true);
      assertEquals(chosen(known, [0, before, last]).round, round);
      before = round;
    }
  }
});

Deno.test("select: the last with a reason when none qualifies", () => {
  const absent = select([model(1, { a: [0.9, 0.1] })], { roster: ["a", "b"], last: 4 });
  assertEquals([absent.round, absent.auroc], [4, null]);
  assertStringIncludes(absent.reason, "scored by every silo");
  const small = select([model(1, { a: [null, null, 2, 2] })], { roster: ["a"], last: 1 });
  assertEquals([small.round, small.auroc], [1, null]);
  assertStringIncludes(small.reason, "10 val patients");
  assertEquals(select([], { roster: [], last: 0 }).round, 0);
});

Deno.test("select: a model that diverged at one silo is not taken, however many films that silo has", () => {
  const models = [
    model(1, { a: [0.7, 0.1], b: [0.7, 0.1] }),
    model(2, { a: [0.99, 0.1], b: [null, null, 3, 3] }),
  ];
  const { a, b } = models[1].scores;
  const roster = ["a", "b"];
  const wild = { round: 2, scores: { a, b: { ...b, diverged: true as const } } };
  assertEquals(select([models[0], wild], { roster, last: 2 }).round, 1);
  assertEquals(select(models, { roster, last: 2 }).round, 2);
});

Deno.test("select: the reason names who says of every model that it diverged", () => {
  const diverged = (one: ScoredModel, silo: string): ScoredModel => {
    const scores = { ...one.scores[silo], auroc: null, se: null, diverged: true as const };
    return { ...one, scores: { ...one.scores, [silo]: scores } };
  };
  const good = [0, 1, 2].map((round) => model(round, { a: [0.7, 0.1], b: [0.8, 0.1] }));
  const all = select(good.map((one) => diverged(one, "b")), { roster: ["a", "b"], last: 2 });
  assertEquals([all.round, all.reason], [2, "the last: 3 of 3 models gave no numbers on val, says b"]);
  const small = model(3, { a: [null, null, 2, 2], b: [null, null, 2, 2] });
  const some = select([diverged(good[0], "a"), small], { roster: ["a", "b"], last: 3 });
  assertEquals(
    some.reason,
    "the last: 1 of 2 models gave no numbers on val, says a; none of the others could be rated on 10 val patients " +
      "of either class",
  );
});

Deno.test("select: of models that are no longer held none is taken, and the reason says so", () => {
  const models = [1, 2, 3].map((round) => model(round, { a: [round / 4, 0.1] }));
  const roster = ["a"];
  const best = select(models, { roster, last: 4, held: [0, 3, 4] });
  assertEquals([best.round, best.reason], [3, "the best of 3 models by val AUROC"]);
  const second = select(models, { roster, last: 4, held: [0, 2, 4] });
  assertEquals([second.round, second.reason], [2, "the best of 1 model still held by val AUROC"]);
  const none = select(models, { roster, last: 4, held: [0, 4] });
  assertEquals([none.round, none.auroc], [4, null]);
  assertStringIncludes(none.reason, "held");
});

Deno.test("select reads a model's scores once for each roster, and again when others have come in their place", () => {
  let reads = 0;
  const figures = (auroc: number) => ({
    get auroc() {
      reads++;
      return auroc;
    },
    ...{ se: 0.01, positives: 48, negatives: 48 },
  });
  const first = { round: 0, scores: { a: figures(0.7), b: figures(0.8) } };
  const chosen = (models: ScoredModel[], roster = ["a", "b"]) => {
    const before = reads;
    return [select(models, { roster, last: 1 }).round, reads > before];
  };
  assertEquals([chosen([first]), chosen([{ ...first }])], [[0, true], [0, false]]);
  assertEquals([chosen([first], ["a"]), chosen([first], ["a"])], [[0, true], [0, false]]);
  const second = { round: 1, scores: { a: figures(0.9) } };
  assertEquals(chosen([first, second]), [0, false]);
  const complete = { round: 1, scores: { ...second.scores, b: figures(0.9) } };
  assertEquals([chosen([first, complete]), chosen([first, complete])], [[1, true], [1, false]]);
});
