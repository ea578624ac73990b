import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TEMPLATE } from "../../../src/fed/flower/app.ts";
import { decodeNpy } from "../../../src/fed/flower/codec/npy.ts";
import type { FlowerRecord, RecordDict } from "../../../src/fed/flower/codec/records.ts";
import { refusal } from "../../../src/refusal.ts";
import { FakeTrainer, FULL } from "../../testing/fake_trainer.ts";
import {
  ARRAYS,
  arraysOf,
  config,
  FEW,
  type Life,
  live,
  modelArrays,
  START,
  trainOn,
  valuesOf,
} from "../../testing/flower_life.ts";
import { FlowerLink } from "../../testing/flower_link.ts";

Deno.test("train: the reply has the model's own arrays, counters as whole numbers, and the template's metrics", async () => {
  const link = new FlowerLink();
  link.ask("train", trainOn({ lr: 0.001 }));
  await live(link, {});
  const [{ metadata, content, error }] = link.replies;
  assertEquals([error, metadata.destination, metadata.source, metadata.type], [undefined, 1n, 11n, "train"]);
  const arrays = arraysOf(content?.get("arrays"));
  assertEquals(
    arrays.map(({ name, dtype, shape }) => [name, dtype, shape]),
    arraysOf(ARRAYS).map(({ name, dtype, shape }) => [name, dtype, shape]),
  );
  const counter = arrays.find(({ dtype }) => dtype === "int64")!;
  // 96 films, batches of 11.
  assertEquals(decodeNpy(counter.npy, { most: 1 }), { kind: "i8", shape: [], values: Float64Array.of(8) });
  const stem = decodeNpy(arrays[0].npy, { most: 1e4 }).values;
  assert(
    stem.some((value, i) => value !== START[i]) &&
      stem.every((value, i) => Math.abs(value - START[i]) < 0.011),
  );
  const metrics = valuesOf(content?.get("metrics"));
  assertEquals([Object.keys(metrics), metrics["num-examples"]], [["train_loss", "num-examples"], 96n]);
});

Deno.test("evaluate: figures on val under the names that the hospital's settings give them", async () => {
  const link = new FlowerLink();
  link.ask("evaluate", new Map([["weights", ARRAYS], ["config", config({ "server-round": 2n })]]));
  const names = {
    ...{ arrays: "weights", config: "config", metrics: "told" },
    ...{ train: {}, evaluate: { auc: "auroc", "num-examples": "examples" } as const },
  };
  await live(link, { names });
  const told = valuesOf(link.replies[0].content?.get("told"));
  assertEquals([Object.keys(told), told["num-examples"]], [["auc", "num-examples"], 96n]);
  assert(typeof told.auc === "number" && told.auc > 0 && told.auc <= 1);
});

Deno.test("NumPyClient's app: parameters, fit and evaluate in its own records", async () => {
  const link = new FlowerLink();
  const list: FlowerRecord = {
    type: "ArrayRecord",
    arrays: modelArrays(START).map((array, place) => ({
      ...array,
      name: String(place),
      dtype: "",
      shape: [],
    })),
  };
  link.ask("train", new Map([["fitins.parameters", list], ["fitins.config", config({ current_round: 1n })]]));
  link.ask("evaluate", new Map([["evaluateins.parameters", list], ["evaluateins.config", config({})]]));
  await live(link, {}, { replies: 2 });
  const [fit, evaluated] = link.replies.map(({ content }) => content!);
  assertEquals([...fit.keys()], [
    "fitres.parameters",
    "fitres.num_examples",
    "fitres.metrics",
    "fitres.status",
  ]);
  assertEquals(
    arraysOf(fit.get("fitres.parameters")).map(({ name, dtype }) => [name, dtype]),
    arraysOf(list).map(({ name }) => [name, ""]),
  );
  assertEquals(valuesOf(fit.get("fitres.num_examples")), { num_examples: 96n });
  assertEquals(valuesOf(evaluated.get("evaluateres.status")), { code: 0n, message: "Success" });
  assertEquals(typeof valuesOf(evaluated.get("evaluateres.loss")).loss, "number");
});

Deno.test("what cannot be done is refused by name with an error reply, and the next message is answered", async () => {
  const cases: [string, RecordDict, Life, string][] = [
    [
      "train",
      trainOn({}, FEW),
      { apps: ["other/app"] },
      "expected an app that this hospital lets ask, got fedx/test",
    ],
    ["train", trainOn({ "proximal-mu": 0.1 }, FEW), {}, "no proximal term"],
    ["train", trainOn({ momentum: 0.9 }, FEW), {}, "got momentum"],
    ["train", trainOn({ lr: "x" }, FEW), {}, "a number in lr"],
    ["train", trainOn({ lr: 99 }, FEW), {}, "expected lr in [0, 10], got 99"],
    ["train", trainOn({ clipping_norm: 0 }, FEW), {}, "above 0"],
    [
      "train",
      trainOn({ "batch-size": 1n, "local-epochs": 1 / 96 }, FEW),
      {},
      "at least 50 films, or of all, got 1 steps of 1",
    ],
    ["train", trainOn({ "server-round": 1.5 }, FEW), {}, "a whole number from 1 in round, got 1.5"],
    [
      "train",
      trainOn({ "server-round": 3n }, FEW),
      { limits: { rounds: 2 } },
      "at most 2 rounds by accept.max_rounds",
    ],
    [
      "train",
      trainOn({ "server-round": 3n }, FEW),
      { limits: { passes: 2 } },
      "at most 2 passes by accept.max_passes, got 3",
    ],
    ["train", trainOn({ "server-round": 3n, "num-rounds": 2n }, FEW), {}, "a round up to 2"],
    ["train", trainOn({ "server-round": 2n, round: 2n }, FEW), {}, "one setting of its meaning, got round"],
    ["train", trainOn({ ["x".repeat(9999)]: 1n }, FEW), {}, "xxx..."],
    ["train", trainOn(), {
      trainer: () => Promise.resolve(new FakeTrainer({ layout: FULL, silo: "a", broken: true })),
    }, "a training that stays finite"],
    ["train", new Map([["config", config({})]]), {}, "an array record arrays, got config"],
    ["train", trainOn(), { network: "resnet18" }, "as resnet18"],
    [
      "train",
      new Map([["arrays", { type: "ArrayRecord", arrays: modelArrays(START).slice(1) }]]),
      {},
      "expected",
    ],
    [
      "train",
      new Map([["arrays", { type: "ArrayRecord", arrays: modelArrays(START.with(0, NaN)) }]]),
      {},
      "finite",
    ],
    ["solve", trainOn({}, FEW), {}, "expected a message train, evaluate or query, got solve"],
  ];
  for (const [type, content, life, words] of cases) {
    const link = new FlowerLink();
    link.ask(type, content);
    link.ask("query", new Map([["config", config({})]]));
    await live(link, life, { replies: 2 });
    const [refused, answered] = link.replies;
    assertEquals([refused.error?.code, refused.content], [6n, undefined]);
    assertStringIncludes(refused.error!.reason, words);
    if (life.apps === undefined) {
      assertEquals(valuesOf(answered.content?.get("metrics")), { "num-examples": 96n });
    }
  }
});

Deno.test("each round of a run trains once and scores one model once, in their order", async () => {
  for (const type of ["train", "evaluate"]) {
    const link = new FlowerLink();
    const content: RecordDict = new Map([["arrays", ARRAYS]]);
    for (const group of ["1", "1", "3", "2", "4"]) link.ask(type, content, { group });
    await live(link, {}, { replies: 5 });
    const refused = link.replies.map(({ error }) => error?.reason.replace(/.*expected /, ""));
    assertEquals(refused, [
      ...[undefined, `one ${type} a round, after round 1, got round 1`],
      ...[undefined, `one ${type} a round, after round 3, got round 2`, undefined],
    ]);
  }
});

Deno.test("what fails within the hospital is told to nobody: the reply says no more than that it failed", async () => {
  const parts = { what: "Cannot open shard", expected: "/somewhere/films", got: "none" };
  for (
    const failure of [
      new Error("no /somewhere/films"),
      refusal(RangeError, parts),
      new SyntaxError("/somewhere"),
    ]
  ) {
    const link = new FlowerLink();
    link.ask("train", trainOn());
    const events = await live(link, { trainer: () => Promise.reject(failure) });
    assertEquals(link.replies[0].error, { code: 2n, reason: "the hospital's training failed" });
    assert(events.some((event) => event.type === "warning" && event.text.includes("/somewhere")));
  }
});

Deno.test("clipping_norm bounds the update over all arrays, and whether it did is told where the app asks for it", async () => {
  const link = new FlowerLink();
  link.ask("train", trainOn({ clipping_norm: 0.5 }));
  link.ask("train", trainOn({ clipping_norm: 1e6, "server-round": 2n }));
  const train = { "num-examples": "examples", norm_bit: "clipped" } as const;
  await live(link, { names: { ...TEMPLATE, train } }, { replies: 2 });
  assertEquals(link.replies.map(({ content }) => valuesOf(content?.get("metrics"))), [
    { "num-examples": 96n, norm_bit: 1n },
    { "num-examples": 96n, norm_bit: 0n },
  ]);
  const sent = arraysOf(link.replies[0].content?.get("arrays"));
  let squares = 0;
  for (const { name, offset, length } of FULL.tensors) {
    const { values } = decodeNpy(sent.find((array) => array.name === name)!.npy, { most: length });
    for (let i = 0; i < length; i++) squares += (values[i] - START[offset + i]) ** 2;
  }
  assert(Math.abs(Math.sqrt(squares) - 0.5) < 1e-3, String(Math.sqrt(squares)));
});
