import { assertEquals } from "@std/assert";
import { localEnd } from "../../../src/cli/output/local_end.ts";
import type { LocalResult } from "../../../src/fed/training/result.ts";

const [films, none] = [
  { images: 120, positives: 43, negatives: 77 },
  { images: 12, positives: 4, negatives: 8 },
];
const THRESHOLD = "on val no threshold does better than chance";

/** A result of which the end shows everything; `changes` replaces parts of it. */
function resultOf(changes: Partial<LocalResult>): LocalResult {
  const test = {
    stratified: 0.925,
    ci95: [0.87, 0.97] as [number, number],
    pooled: null,
    site_only: null,
    silos: { "shard-b": { auroc: 0.925, se: 0.02, ...films } },
  };
  return {
    label_rule: "any-finding",
    selection: {
      round: 3,
      auroc: 0.95,
      reason: "the best of 4 models by val AUROC",
      split: "val",
      note: "optimistic",
    },
    test,
    own: { threshold: null, threshold_reason: THRESHOLD, sensitivity: null, specificity: null },
    rounds: 3,
    epochs: 3,
    seconds: 9,
    images: { trained: 288, scored: 500 },
    model: "m.safetensors",
    sha256: "ab12",
    file_sha256: "cd34",
    last_sha256: "ab12",
    init: { kind: "file", source: "g.safetensors (licence: as its source says)", sha256: "ef56" },
    history: [],
    ...changes,
  };
}

const START = {
  "shard-b": {
    auroc: 0.912,
    se: 0.02,
    ...films,
    difference: { auroc: 0.013, ci95: [-0.004, 0.03] as [number, number] },
  },
};
/** What every end has after the table and its remarks. */
const tail = (selected: string) => [
  `threshold: none, since ${THRESHOLD}`,
  `3.0 passes in 9.0 s; ${selected} selected (val AUROC 0.950, optimistic)`,
  "model: m.safetensors",
  "weights sha256: ab12",
  "file sha256: cd34 (as sha256sum prints it)",
];

Deno.test("local from a model's file ends with both models on the same test films, and the paired difference", () => {
  assertEquals(localEnd(resultOf({ start: START })).split("\n"), [
    " shard           test AUROC     95 % interval   test films   with a finding",
    " shard-b              0.925    [0.886, 0.964]          120               43",
    "   start model        0.912    [0.873, 0.951]",
    "   difference        +0.013   [-0.004, 0.030]",
    "difference: selected minus start model on the same films, patients resampled",
    ...tail("model of round 3"),
  ]);
});

Deno.test("local from a model's file whose start was selected says so plainly, and compares it with nothing", () => {
  const selection = { ...resultOf({}).selection, round: 0 };
  const same = { "shard-b": { ...START["shard-b"], difference: { auroc: 0, ci95: null } } };
  assertEquals(localEnd(resultOf({ selection, start: same })).split("\n"), [
    " shard     test AUROC    95 % interval   test films   with a finding",
    " shard-b        0.925   [0.886, 0.964]          120               43",
    "the start itself was selected: no round's model was better on val",
    ...tail("the start itself"),
  ]);
});

Deno.test("local from imagenet has no word of the start; several shards have one row each and the start's below it", () => {
  const alone = localEnd(resultOf({})).split("\n");
  assertEquals([alone.length, alone.some((line) => line.includes("start"))], [7, false]);
  const few = { auroc: null, se: null, ...none };
  const silos = { ...resultOf({}).test.silos, "shard-c": few };
  const start = { ...START, "shard-c": { ...few, difference: null } };
  const rows = localEnd(resultOf({ test: { ...resultOf({}).test, silos }, start })).split("\n").slice(1, 8);
  assertEquals(rows.map((row) => row.trim().split(/ {2,}/).slice(0, 2).join(" ")), [
    "shard-b 0.925",
    "start model 0.912",
    "difference +0.013",
    "shard-c –",
    "start model –",
    "difference –",
    "stratified 0.925",
  ]);
});
