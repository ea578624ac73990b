import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Said } from "../../../../src/fed/flower/codec/content.ts";
import { encodeNpy } from "../../../../src/fed/flower/codec/npy.ts";
import type {
  FlowerRecord,
  NamedArray,
  RecordDict,
  RecordValue,
} from "../../../../src/fed/flower/codec/records.ts";
import { readFigures, readTraining, ReplyRefused } from "../../../../src/fed/flower/hub/replies.ts";
import { FULL } from "../../../testing/fake_trainer.ts";
import { ARRAYS, modelArrays, START } from "../../../testing/flower_life.ts";
import { vectorWith } from "../../../testing/measured_roles.ts";

const METADATA = {
  ...{ run: 1n, message: "", source: 9n, destination: 1n, replyTo: "", group: "1" },
  ...{ ttl: 1, type: "train", created: 1 },
};
const metrics = (values: Record<string, RecordValue>): FlowerRecord => ({
  type: "MetricRecord",
  values: new Map(Object.entries(values)),
});
const said = (content: Record<string, FlowerRecord>): Said => ({
  metadata: METADATA,
  content: new Map(Object.entries(content)) as RecordDict,
});
const of = { base: START, layout: FULL, network: "efficientnet_b0", train: 96 } as const;
const COUNT = metrics({ "num-examples": 96n });
const training = (arrays: NamedArray[], count = COUNT) =>
  readTraining(said({ arrays: { type: "ArrayRecord", arrays }, metrics: count }), of);
const refusal = (read: () => unknown) => assertThrows(read, ReplyRefused).message;

Deno.test("readTraining: the change of the model, whatever the records are called and the counters say", () => {
  const trained = vectorWith(FULL.length, .1).map((value, i) => value + i % 7);
  const change = readTraining(
    said({ weights: { type: "ArrayRecord", arrays: modelArrays(trained, 12) }, m: COUNT }),
    of,
  );
  assert(change.every((value, i) => value === Math.fround(trained[i] - START[i])));
});

Deno.test("readTraining: a reply that is no update of the run's model is refused by name", () => {
  const [first, ...rest] = ARRAYS.arrays;
  const other = (shape: number[], fill: number) => {
    const values = new Float32Array(288).fill(fill);
    return [{ ...first, shape, npy: encodeNpy({ shape, values }) }, ...rest];
  };
  const shape = [32, 1, 3, 3];
  assertMatch(refusal(() => training(other(shape, NaN))), /finite values in features\.0\.0\.weight.*NaN/);
  assertMatch(refusal(() => training(other(shape, 3e38))), /changes below 1024 in features\.0\.0\.weight/);
  assertMatch(
    refusal(() => training(other([288], 0))),
    /features\.0\.0\.weight of shape \[32,1,3,3\].*\[288\]/,
  );
  assertMatch(refusal(() => training(rest)), /an array features\.0\.0\.weight.*none/);
  assertMatch(refusal(() => training([...ARRAYS.arrays, { ...first, name: "x" }])), /an array x/);
  const wide = { ...first, npy: encodeNpy({ shape: [32, 3, 3, 3], values: new Float32Array(864) }) };
  assertMatch(refusal(() => training([wide, ...rest])), /a model of 4\d+ numbers, got one of 4\d+/);
  for (
    const [count, words] of [
      [metrics({ "num-examples": 97n }), /num-examples 96, as enrolled, got 97/],
      [metrics({}), /num-examples 96, as enrolled, got none/],
      [metrics({ "num-examples": NaN }), /a finite number in num-examples/],
      [metrics({ "num-examples": "96" }), /a finite number in num-examples/],
    ] as const
  ) assertMatch(refusal(() => training(ARRAYS.arrays, count)), words);
  assertMatch(refusal(() => readTraining(said({ metrics: COUNT }), of)), /one record of arrays, got none/);
  assertMatch(
    refusal(() => readTraining(said({ a: ARRAYS, b: ARRAYS, m: COUNT }), of)),
    /one record of arrays, got 2/,
  );
  assertMatch(refusal(() => readTraining(said({ a: ARRAYS }), of)), /one record of metrics, got 0/);
  const error = { code: 2n, reason: "out of\u001b[2J memory" };
  assertMatch(
    refusal(() => readTraining({ metadata: METADATA, error }, of)),
    /an answer, got error 2: out of.{1,8} memory$/,
  );
});

Deno.test("readFigures: an AUROC weighs with its films of both classes, and nothing without them", () => {
  const figures = (values: Record<string, RecordValue>) => readFigures(said({ m: metrics(values) }));
  const whole = figures({ "num-examples": 40n, positives: 20, auroc: .75, loss: .5 });
  assertEquals({ ...whole, se: 0 }, { auroc: .75, se: 0, loss: .5, positives: 20, negatives: 20 });
  assert(whole.se! > .07 && whole.se! < .09, String(whole.se));
  assert(figures({ "num-examples": 40n, positives: 20n, auroc: 1 }).se! > 0);
  const none = { auroc: null, se: null, loss: null };
  assertEquals(figures({ "num-examples": 40n, auroc: .75 }), { ...none, positives: 0, negatives: 40 });
  assertEquals(figures({ "num-examples": 40n, positives: 9n, auroc: .75 }), {
    ...none,
    positives: 9,
    negatives: 31,
  });
  // As a site without a class computes it.
  assertEquals(figures({ "num-examples": 40n, positives: 0n, auroc: NaN, loss: NaN }), {
    ...{ ...none, positives: 0, negatives: 40 },
  });
  assertEquals(figures({ "num-examples": 40n, positives: 20n }), { ...none, positives: 20, negatives: 20 });
  for (
    const [values, words] of [
      [{}, /num-examples, a whole number from 1, got null/],
      [{ "num-examples": 0n }, /num-examples/],
      [{ "num-examples": 1.5 }, /num-examples/],
      [{ "num-examples": 2n ** 60n }, /num-examples/],
      [{ "num-examples": 40n, positives: 41n }, /positives from 0 to 40/],
      [{ "num-examples": 40n, positives: 20n, auroc: 1.1 }, /an auroc from 0 to 1/],
      [{ "num-examples": 40n, positives: 20n, auroc: NaN }, /a finite number in auroc/],
      [{ "num-examples": 40n, positives: 20n, auroc: .5, loss: -1 }, /a finite loss/],
    ] as [Record<string, RecordValue>, RegExp][]
  ) assertMatch(refusal(() => figures(values)), words);
});
