import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Pool } from "../../../../src/data/pool.ts";
import { dealOf } from "../../../../src/cli/commands/compare/deal.ts";
import { figuresOf, type Judged } from "../../../../src/cli/commands/compare/figures.ts";
import { deckFindings } from "../../../../src/cli/commands/compare/findings.ts";
import { keyOf, type Lists, planOf, type Training } from "../../../../src/cli/commands/compare/plan.ts";
import type { Row } from "../../../../src/cli/commands/compare/rows.ts";
import { comparisonTable, reportHtml } from "../../../../src/cli/output/report/comparison.ts";
import { PURPOSE, uniforms } from "../../../../src/model/philox.ts";

const FILMS = 240, HOSPITALS = ["a", "b", "c"];

/** 240 films of 120 patients, two films each, in three hospitals; two thirds to train on. */
const pool: Pool = (() => {
  const all = Array.from({ length: FILMS }, (_, row) => row);
  const of = (split: number) => Uint32Array.from(all.filter((row) => Math.floor(row / 2) % 6 === split));
  const train = Uint32Array.from(all.filter((row) => Math.floor(row / 2) % 6 < 4));
  return {
    ...{
      name: "drawn",
      size: 64,
      kernel: "lanczos3",
      count: FILMS,
      rows: { train, val: of(4), test: of(5) },
    },
    labels: Uint8Array.from(all, (row) => row % 2),
    patients: Uint32Array.from(all, (row) => Math.floor(row / 2)),
    strata: Uint32Array.from(all, (row) => Math.floor(row / 80)),
    pixelBlocks: () => {
      throw new Error("no pixels are needed");
    },
  };
})();
const judged: Judged = { pools: new Map([[64, pool]]), names: HOSPITALS };
const planned = (lists: Partial<Lists>) => planOf(lists as Lists, { sizes: [64], hospitals: 3 });

/** A row whose model ranks the better, the larger `gain`. */
function rowOf(training: Training, gain: number, folds?: number): Row {
  const { test } = dealOf(pool, training, { hospitals: 3, folds });
  const noise = uniforms(
    { seed: training.seed, silo: training.hospital ?? 9 },
    { purpose: PURPOSE.measure },
    FILMS,
  );
  const logits = Array.from(test, (row) => noise[row] + gain * pool.labels[row]);
  const curve = [0, 1].map((round) => ({
    round,
    passes: round,
    seconds: round * 2,
    auroc: 0.5 + round * gain / 10,
  }));
  return {
    key: keyOf(training),
    training,
    films: "",
    machine: "a CPU",
    passes: 1,
    trained: 1,
    seconds: 3,
    curve,
    logits,
  };
}

const rowsOf = (plan: Training[], gain: (training: Training) => number, folds?: number) =>
  new Map(plan.map((training) => [keyOf(training), rowOf(training, gain(training), folds)]));

Deno.test("figuresOf: means over seeds, and how much better the federation and each way are, with intervals", () => {
  const plan = planned({ seeds: 3, recipe: ["default", "deck"] });
  const gain = ({ method, recipe }: Training) =>
    (method === "alone" ? 0.05 : 0.5) * (recipe === "deck" ? 0.4 : 1);
  const ways = figuresOf(plan, rowsOf(plan, gain), judged);
  assertEquals(ways.map(({ way }) => way.recipe), ["default", "deck"]);
  const [first, second] = ways.map(({ methods }) => new Map(methods.map((one) => [one.name, one])));
  assertEquals([...first.keys()], ["federated", "pooled", "alone a", "alone b", "alone c", "alone (mean)"]);
  assertEquals(first.get("federated")!.trainings, 3);
  assertEquals(first.get("alone (mean)")!.trainings, 9);
  assertEquals(first.get("federated")!.better, null);
  const { difference, ci95 } = first.get("alone (mean)")!.better!;
  const alone = ["a", "b", "c"].map((name) => first.get(`alone ${name}`)!);
  assertAlmostEquals(
    difference,
    first.get("federated")!.auroc - alone.reduce((sum, { auroc }) => sum + auroc / 3, 0),
    1e-12,
  );
  assert(ci95![0] > 0);
  assertEquals(first.get("federated")!.first, null);
  const beside = second.get("federated")!;
  assertAlmostEquals(beside.first!.difference, beside.auroc - first.get("federated")!.auroc, 1e-12);
  assert(beside.first!.difference < 0);
  assertEquals(first.get("federated")!.curve, [
    { round: 0, passes: 0, seconds: 0, auroc: 0.5 },
    { round: 1, passes: 1, seconds: 2, auroc: 0.55 },
  ]);
});

Deno.test("figuresOf: of a comparison that was stopped, what is there; pairs are of seeds that both have", () => {
  const plan = planned({ seeds: 2, method: ["federated", "pooled"] });
  const rows = rowsOf(plan, () => 1);
  rows.delete(keyOf(plan.find(({ method, seed }) => method === "pooled" && seed === 1)!));
  const [{ methods: [federated, pooled] }] = figuresOf(plan, rows, judged);
  assertEquals([federated.trainings, pooled.trainings], [2, 1]);
  assert(pooled.better !== null);
  assertEquals(figuresOf(plan, new Map(), judged), []);
});

Deno.test("dealOf: in parts every film is tested once, by a model of other patients", () => {
  const plan = planned({ folds: 5, method: ["federated"] });
  const deals = plan.map((training) => dealOf(pool, training, { hospitals: 3, folds: 5 }));
  assertEquals(deals.flatMap(({ test }) => [...test]).toSorted((a, b) => a - b), [...pool.labels.keys()]);
  for (const { parties, test } of deals) {
    const tested = new Set(Array.from(test, (row) => pool.patients[row]));
    assertEquals(parties.flatMap((rows) => [...rows]).some((row) => tested.has(pool.patients[row])), false);
    parties.forEach((rows, place) => assert(rows.every((row) => pool.strata![row] === place)));
    assertEquals(parties.reduce((sum, { length }) => sum + length, test.length), FILMS);
  }
  const parts = figuresOf(plan, rowsOf(plan, () => 2, 5), { ...judged, folds: 5 });
  assertEquals(parts[0].methods[0].trainings, 5);
});

Deno.test("deckFindings: what holds, what does not, and what cannot be told", () => {
  const plan = planned({ deck: true });
  const gain = ({ passes, localEpochs, network }: Training) =>
    passes === 10 ? 0.9 : localEpochs === 5 ? 0.1 : network === "resnet18" ? 0.95 : 0.4;
  const rows = rowsOf(plan, gain);
  const findings = deckFindings(plan, rows, judged);
  const of = (text: string) =>
    findings.filter(({ finding }) => finding.includes(text)).map(({ holds }) => holds);
  assertEquals(of("ten rounds of one pass are better than five passes in one round"), ["yes"]);
  assertEquals(of("better than ResNet-18"), ["no"]);
  assertEquals(of("better than DenseNet-121"), ["open"]);
  assertEquals(findings.length, 6);
  assertEquals(deckFindings(plan, new Map(), judged), []);
  const facts = {
    ways: figuresOf(plan, rows, judged),
    findings,
    machine: "a CPU",
    names: HOSPITALS,
    labelRule: "any-finding",
  };
  const text = comparisonTable(facts);
  assert(
    /^holds: ten rounds of one pass are better than five passes in one round, \+0\.\d+ \[0\.\d+, 0\.\d+\]$/m
      .test(text),
    text,
  );
  assert(text.split("\n").every((line) => line.length <= 160));
  const html = reportHtml(facts);
  assert(html.includes("does not hold") && html.includes("ResNet-18, random start"));
  assertEquals(html.match(/<svg/g)?.length, 3);
  assert(text.startsWith("all: deck, 64 px\n"), text);
  // Each way has one method, and nothing to be better than: one table, without that column.
  assertEquals(text.match(/method +runs/g)?.length, 1);
  assert(!`${text}${html}`.includes("federated better by"));
});
