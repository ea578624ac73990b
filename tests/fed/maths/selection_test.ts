import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { type ScoredModel, select } from "../../../src/fed/maths/selection.ts";

/** `[auroc, loss, positives, negatives]` of each silo. */
type Line = [auroc: number | null, loss: number | null, positives?: number, negatives?: number];

function model(round: number, lines: Record<string, Line>): ScoredModel {
  const scores = Object.entries(lines).map(([silo, [auroc, loss, positives = 50, negatives = 50]]) =>
    [silo, { auroc, loss, positives, negatives }] as const
  );
  return { round, scores: Object.fromEntries(scores) };
}

Deno.test("select: the highest AUROC weighted by P·N, not the plain mean", () => {
  const models = [
    model(0, { a: [0.9, 1, 10, 10], b: [0.7, 1, 100, 100] }),
    model(1, { a: [0.6, 1, 10, 10], b: [0.75, 1, 100, 100] }),
  ];
  const chosen = select(models, { roster: ["a", "b"], last: 1 });
  assertEquals(chosen.round, 1);
  assertAlmostEquals(chosen.auroc!, (100 * 0.6 + 10000 * 0.75) / 10100, 1e-12);
});

Deno.test("select: silos with fewer than 10 of either class weigh 0 but must have scored", () => {
  const models = [
    model(1, { a: [0.9, 1], b: [null, 1, 3, 90] }),
    model(2, { a: [0.95, 1] }),
  ];
  assertEquals(select(models, { roster: ["a", "b"], last: 2 }).round, 1);
  assertEquals(select(models, { roster: ["a"], last: 2 }).round, 2);
});

Deno.test("select: ties go to the lower loss weighted by images, then to the earlier round", () => {
  const tie = (round: number, a: number | null, b: number) =>
    model(round, { a: [1, a, 20, 20], b: [1, b, 100, 100] });
  const roster = ["b", "a"];
  assertEquals(select([tie(1, 0.1, 0.5), tie(2, 0.5, 0.4)], { roster, last: 2 }).round, 2);
  assertEquals(select([tie(3, 0.2, 0.2), tie(2, 0.2, 0.2)], { roster, last: 3 }).round, 2);
  assertEquals(select([tie(1, null, 0.1), tie(2, 0.9, 0.9)], { roster, last: 2 }).round, 2);
});

Deno.test("select: the last with a reason when none qualifies", () => {
  const absent = select([model(1, { a: [0.9, 1] })], { roster: ["a", "b"], last: 4 });
  assertEquals([absent.round, absent.auroc], [4, null]);
  assertStringIncludes(absent.reason, "scored by every silo");
  const small = select([model(1, { a: [null, 1, 2, 2] })], { roster: ["a"], last: 1 });
  assertEquals([small.round, small.auroc], [1, null]);
  assertStringIncludes(small.reason, "10 val patients");
  assertEquals(select([], { roster: [], last: 0 }).round, 0);
});

Deno.test("select: a model that diverged at one silo is not taken, however many films that silo has", () => {
  const models = [model(1, { a: [0.7, 1], b: [0.7, 1] }), model(2, { a: [0.99, 1], b: [null, null, 3, 3] })];
  const { a, b } = models[1].scores;
  const roster = ["a", "b"];
  const wild = { round: 2, scores: { a, b: { ...b, diverged: true as const } } };
  assertEquals(select([models[0], wild], { roster, last: 2 }).round, 1);
  assertEquals(select(models, { roster, last: 2 }).round, 2);
});

Deno.test("select: the reason names who says of every model that it diverged", () => {
  const diverged = (one: ScoredModel, silo: string): ScoredModel => {
    const scores = { ...one.scores[silo], auroc: null, loss: null, diverged: true as const };
    return { ...one, scores: { ...one.scores, [silo]: scores } };
  };
  const good = [0, 1, 2].map((round) => model(round, { a: [0.7, 1], b: [0.8, 1] }));
  const all = select(good.map((one) => diverged(one, "b")), { roster: ["a", "b"], last: 2 });
  assertEquals([all.round, all.reason], [2, "the last: 3 of 3 models gave no numbers on val, says b"]);
  const small = model(3, { a: [null, 1, 2, 2], b: [null, 1, 2, 2] });
  const some = select([diverged(good[0], "a"), small], { roster: ["a", "b"], last: 3 });
  assertEquals(
    some.reason,
    "the last: 1 of 2 models gave no numbers on val, says a; none of the others could be rated on 10 val patients " +
      "of either class",
  );
});

Deno.test("select: a silo of too few patients weighs nothing in the loss that breaks ties", () => {
  const tie = (round: number, loss: number) => model(round, { a: [1, loss], b: [null, null, 90, 90] });
  assertEquals(select([tie(1, 0.5), tie(2, 0.4)], { roster: ["a", "b"], last: 2 }).round, 2);
});

Deno.test("select: of models that are no longer held none is taken, and the reason says so", () => {
  const models = [1, 2, 3].map((round) => model(round, { a: [round / 4, 1] }));
  const roster = ["a"];
  const best = select(models, { roster, last: 4, held: [0, 3, 4] });
  assertEquals([best.round, best.reason], [3, "highest stratified AUROC on val of 3 models"]);
  const second = select(models, { roster, last: 4, held: [0, 2, 4] });
  assertEquals([second.round, second.reason], [2, "highest stratified AUROC on val of 1 model still held"]);
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
    ...{ loss: 0.5, positives: 48, negatives: 48 },
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
