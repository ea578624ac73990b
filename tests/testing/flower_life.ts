/**
 * A silo's lives at a Flower link within the test: it answers with a trainer that draws its deltas, until it is stopped or
 * killed at a moment that it names.
 */
import { assert } from "@std/assert";
import { encodeNpy } from "../../src/fed/flower/codec/npy.ts";
import type {
  FlowerRecord,
  NamedArray,
  RecordDict,
  RecordValue,
} from "../../src/fed/flower/codec/records.ts";
import { Fleet } from "../../src/fed/flower/fleet.ts";
import type { HospitalOptions } from "../../src/fed/flower/hospital.ts";
import { FlowerIdentity } from "../../src/fed/flower/identity.ts";
import { Journal } from "../../src/fed/flower/journal.ts";
import { answerLink } from "../../src/fed/flower/silo.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { stateDict } from "../../src/model/weights/model_file.ts";
import { FakeTrainer, FULL } from "./fake_trainer.ts";
import { APP, type FlowerLink } from "./flower_link.ts";
import { fileFolder } from "./folder.ts";
import { vectorWith } from "./measured_roles.ts";

const dir = await fileFolder();
export const START = vectorWith(FULL.length, 0.1);
let folders = 0;
/** A state folder of its own. */
export const newState = () => `${dir}/state-${folders++}`;

/** EfficientNet-B0 as Flower's template sends it, counters included; as float64 from the second round on. */
export function modelArrays(vector: Float32Array, count = 0): NamedArray[] {
  return [...stateDict(vector, FULL)].map(([name, { shape, data }]) => ({
    ...{ name, shape, dtype: data instanceof Float32Array ? "float32" : "int64" },
    npy: data instanceof Float32Array
      ? encodeNpy({ shape, values: data })
      : encodeNpy({ shape, values: BigInt64Array.of(BigInt(count)) }),
  }));
}

export const ARRAYS: FlowerRecord & { arrays: NamedArray[] } = {
  type: "ArrayRecord",
  arrays: modelArrays(START),
};
export const config = (values: Record<string, RecordValue>): FlowerRecord => ({
  type: "ConfigRecord",
  values: new Map(Object.entries(values)),
});
/** Arrays that are no model, where nobody looks at them. */
export const FEW: FlowerRecord = { type: "ArrayRecord", arrays: ARRAYS.arrays.slice(0, 1) };
export const trainOn = (
  values: Record<string, RecordValue> = {},
  arrays: FlowerRecord = ARRAYS,
): RecordDict => new Map([["arrays", arrays], ["config", config({ "server-round": 1n, ...values })]]);

export interface Life extends Partial<HospitalOptions> {
  state?: string;
  /** Ends the life at a moment that it names. */
  kill?: string;
}

export const open = (state: string, { link = "https://link/" } = {}) =>
  Journal.open(state, { silo: "a", link });

/** Lets a silo answer until so many replies are with the link, or until it is killed. */
export async function live(
  link: FlowerLink,
  { state, kill, ...more }: Life,
  { replies = 1, until = () => link.replies.length >= replies }: { replies?: number; until?: () => boolean } =
    {},
): Promise<FedEvent[]> {
  const events: FedEvent[] = [];
  const stop = new AbortController();
  using journal = await open(state ?? newState());
  journal.key ??= FlowerIdentity.generate();
  const enough = setInterval(() => {
    if (until() && journal.instruction === null) stop.abort();
  }, 5);
  const died = new Error("killed");
  const life = answerLink(new Fleet(link), {
    // The key would choose another one in each test.
    number: 1,
    ...{ silo: "a", apps: [APP.app], network: "efficientnet_b0", recipe: "default", films: 96 },
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

export const arraysOf = (record?: FlowerRecord) => record?.type === "ArrayRecord" ? record.arrays : [];
export const valuesOf = (record?: FlowerRecord) =>
  record?.type === "MetricRecord" || record?.type === "ConfigRecord" ? Object.fromEntries(record.values) : {};
