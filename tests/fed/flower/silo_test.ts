import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeNpy, encodeNpy } from "../../../src/fed/flower/codec/npy.ts";
import type {
  FlowerRecord,
  NamedArray,
  RecordDict,
  RecordValue,
} from "../../../src/fed/flower/codec/records.ts";
import { Fleet } from "../../../src/fed/flower/fleet.ts";
import { FlowerIdentity } from "../../../src/fed/flower/identity.ts";
import { Journal } from "../../../src/fed/flower/journal.ts";
import type { HospitalOptions } from "../../../src/fed/flower/hospital.ts";
import { answerLink } from "../../../src/fed/flower/silo.ts";
import { stateDict } from "../../../src/model/weights/model_file.ts";
import { digest } from "../../../src/files/digest.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { FakeTrainer, FULL } from "../../testing/fake_trainer.ts";
import { APP, FlowerLink } from "../../testing/flower_link.ts";
import { fileFolder } from "../../testing/folder.ts";
import { vectorWith } from "../../testing/measured_roles.ts";

const dir = await fileFolder();
const START = vectorWith(FULL.length, 0.1);
let folders = 0;

/** EfficientNet-B0 as Flower's template sends it, counters included; as float64 from the second round on. */
function modelArrays(vector: Float32Array, count = 0): NamedArray[] {
  return [...stateDict(vector, FULL)].map(([name, { shape, data }]) => ({
    ...{ name, shape, dtype: data instanceof Float32Array ? "float32" : "int64" },
    npy: data instanceof Float32Array
      ? encodeNpy({ kind: "f4", shape, values: data })
      : encodeNpy({ kind: "i8", shape, values: Float32Array.of(count) }),
  }));
}

const ARRAYS: FlowerRecord = { type: "ArrayRecord", arrays: modelArrays(START) };
const config = (values: Record<string, RecordValue>): FlowerRecord => ({
  type: "ConfigRecord",
  values: new Map(Object.entries(values)),
});
const trainOn = (values: Record<string, RecordValue> = {}): RecordDict =>
  new Map([["arrays", ARRAYS], ["config", config({ "server-round": 1n, ...values })]]);

interface Life extends Partial<HospitalOptions> {
  state?: string;
  /** Ends the life at a moment that it names. */
  kill?: string;
}

/** Lets a silo answer until so many replies are with the link, or until it is killed. */
async function live(
  link: FlowerLink,
  { state, kill, ...more }: Life,
  { replies = 1 } = {},
): Promise<FedEvent[]> {
  const events: FedEvent[] = [];
  const stop = new AbortController();
  using journal = await Journal.open(state ?? `${dir}/state-${folders++}`, { silo: "a" });
  journal.key ??= FlowerIdentity.generate();
  const enough = setInterval(() => {
    if (link.replies.length >= replies && journal.instruction === null) stop.abort();
  }, 5);
  const died = new Error("killed");
  const life = answerLink(new Fleet(link), {
    // The key would choose another one in each test.
    number: 1,
    ...{ silo: "a", apps: [APP.app], network: "efficientnet_b0", recipe: "default" },
    ...{ identity: new FlowerIdentity(journal.key!), journal, signal: stop.signal },
    trainer: () => Promise.resolve(new FakeTrainer({ layout: FULL, silo: "a" })),
    onEvent: (event) => events.push(event),
    faultPoint: (name) => {
      if (name === kill) stop.abort(died);
      stop.signal.throwIfAborted();
    },
    ...more,
  });
  const ended = await life.catch((error) => error);
  clearInterval(enough);
  assert(ended === stop.signal.reason, String(ended?.stack));
  return events;
}

const arraysOf = (record?: FlowerRecord) => record?.type === "ArrayRecord" ? record.arrays : [];
const valuesOf = (record?: FlowerRecord) =>
  record?.type === "MetricRecord" || record?.type === "ConfigRecord" ? Object.fromEntries(record.values) : {};

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
    ["train", trainOn(), { apps: ["other/app"] }, "expected an app of other/app, got fedx/test"],
    ["train", trainOn({ "proximal-mu": 0.1 }), {}, "no proximal term"],
    ["train", trainOn({ momentum: 0.9 }), {}, "got momentum"],
    ["train", trainOn({ lr: "x" }), {}, "a number in lr"],
    ["train", trainOn({ lr: 99 }), {}, "expected lr in [0, 10], got 99"],
    ["train", trainOn({ clipping_norm: 0 }), {}, "above 0"],
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
    ["solve", trainOn(), {}, "expected a message train, evaluate or query, got solve"],
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

Deno.test("one model a round is scored: another evaluate of the same round is refused, the next round's is not", async () => {
  const link = new FlowerLink();
  const content: RecordDict = new Map([["arrays", ARRAYS]]);
  for (const group of ["1", "1", "2"]) link.ask("evaluate", content, { group });
  await live(link, {}, { replies: 3 });
  assertEquals(link.replies.map(({ error }) => error?.reason.includes("expected one evaluate a round")), [
    ...[undefined, true, undefined],
  ]);
});

Deno.test("what fails within the hospital is told to nobody: the reply says no more than that it failed", async () => {
  const link = new FlowerLink();
  link.ask("train", trainOn());
  const trainer = () => Promise.reject(new Error("/somewhere/films is not there"));
  const events = await live(link, { trainer });
  assertEquals(link.replies[0].error, { code: 2n, reason: "the hospital's training failed" });
  assert(events.some((event) => event.type === "warning" && event.text.includes("/somewhere")));
});

Deno.test("clipping_norm bounds the update over all arrays", async () => {
  const link = new FlowerLink();
  link.ask("train", trainOn({ clipping_norm: 0.5 }));
  await live(link, {});
  const sent = arraysOf(link.replies[0].content?.get("arrays"));
  let squares = 0;
  for (const { name, offset, length } of FULL.tensors) {
    const { values } = decodeNpy(sent.find((array) => array.name === name)!.npy, { most: length });
    for (let i = 0; i < length; i++) squares += (values[i] - START[offset + i]) ** 2;
  }
  assert(Math.abs(Math.sqrt(squares) - 0.5) < 1e-3, String(Math.sqrt(squares)));
});

for (const kill of ["pulled", "training", "answered", "pushing", "pushed"]) {
  Deno.test(`a silo killed when ${kill} and started again answers the same instruction once, as if nothing had been`, async () => {
    const plain = new FlowerLink();
    plain.ask("train", trainOn());
    await live(plain, {});
    const link = new FlowerLink();
    link.ask("train", trainOn());
    const state = `${dir}/state-${folders++}`;
    await live(link, { state, kill });
    await live(link, { state });
    assertEquals(link.replies.length, 1);
    const bytes = (one: FlowerLink) =>
      arraysOf(one.replies[0].content?.get("arrays")).map(({ npy }) => digest(npy));
    assertEquals(bytes(link), bytes(plain));
    using journal = await Journal.open(state, { silo: "a" });
    assertEquals([journal.instruction, journal.reply, journal.node], [null, null, 11n]);
  });
}

Deno.test("a link that is away is asked again, and one that no longer knows the node is joined anew", async () => {
  const link = new FlowerLink();
  link.ask("query", new Map([["config", config({})]]));
  let failures: ("away" | "unknown")[] = ["away", "unknown"];
  link.fail = (call) => {
    if (call !== "PullMessages") return null;
    const [first, ...rest] = failures;
    failures = rest;
    return first ?? null;
  };
  await live(link, {});
  assertEquals(link.calls.filter((call) => call === "ActivateNode").length, 1);
  assertEquals(link.calls.filter((call) => call === "SendNodeHeartbeat").length, 1);
  assertEquals(link.replies.length, 1);
});
