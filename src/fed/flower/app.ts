/**
 * What Flower's apps ask a hospital for, and how they want to be answered: the Message API and NumPyClient's records.
 *
 * Why names are settings: an app sums what sites send by name, and one site with other names ends the whole run.
 */
import { refusal } from "../../refusal.ts";
import type { FlowerRecord, NamedArray, RecordDict, RecordValue } from "./codec/records.ts";

/** What a hospital may tell of a model: figures over its own films, none of one film. */
export interface Figures {
  /** Of the films that were trained on, or of `val`. */
  examples: number;
  loss: number;
  /** Share of films on the right side of ½. */
  accuracy: number;
  auroc: number;
  /** Whether the update was longer than a `clipping_norm` of the app's and was shortened; of a reply to `train`. */
  clipped: 0 | 1;
}

/** Names of records, and of a reply's values by the figure that each has. */
export interface Names {
  arrays: string;
  config: string;
  metrics: string;
  /** Of a reply to `train`, whose model is scored nowhere. */
  train: Record<string, "examples" | "loss" | "clipped">;
  /** Of a reply to `evaluate`. */
  evaluate: Record<string, Exclude<keyof Figures, "clipped">>;
}

/** Those of Flower's template for PyTorch. */
export const TEMPLATE: Names = {
  ...{ arrays: "arrays", config: "config", metrics: "metrics" },
  train: { train_loss: "loss", "num-examples": "examples" },
  evaluate: { eval_loss: "loss", eval_acc: "accuracy", "num-examples": "examples" },
};

/** What a message asks for. */
export interface Ask {
  kind: "train" | "evaluate" | "query" | "parameters";
  /** Absent for `query` and `parameters`. */
  arrays?: NamedArray[];
  config: Map<string, RecordValue>;
  /** Makes the content of the reply. */
  reply(told: { figures?: Partial<Figures>; arrays?: NamedArray[] }): RecordDict;
}

/** @throws {RangeError} for a message that is neither form's, naming what lacks. */
export function readAsk(
  { type, content }: { type: string; content: RecordDict },
  { names }: { names: Names },
): Ask {
  // The part before a dot is the kind; what follows names an action of the app.
  const kind = type.split(".")[0];
  if ([...content.keys()].some((name) => NUMPY.test(name))) return numpyAsk(kind, content, names);
  if (kind !== "train" && kind !== "evaluate" && kind !== "query") {
    throw refuse("a message train, evaluate or query", kind);
  }
  const record = content.get(names.config);
  const config = record === undefined ? new Map() : valuesOf(record, names.config);
  if (kind === "query") {
    return { kind, config, reply: ({ figures }) => new Map([metrics(names.metrics, figures!, EXAMPLES)]) };
  }
  return {
    ...{ kind, config, arrays: arraysOf(content, names.arrays) },
    reply: ({ figures, arrays }) =>
      new Map([
        ...arrays === undefined ? [] : [arrayRecord(names.arrays, arrays)],
        metrics(names.metrics, figures!, names[kind]),
      ]),
  };
}

const EXAMPLES: Names["train"] = { "num-examples": "examples" };
const NUMPY = /^(fitins|evaluateins|getparametersins|getpropertiesins)\./;

/** NumPyClient's: `fitins.parameters` and `fitins.config` ask, `fitres.…` answers. */
function numpyAsk(kind: string, content: RecordDict, names: Names): Ask {
  if (content.has("getparametersins.config")) {
    return {
      ...{ kind: "parameters", config: new Map() },
      reply: ({ arrays }) =>
        new Map([arrayRecord("getparametersres.parameters", arrays!), status("getparametersres")]),
    };
  }
  if (kind !== "train" && kind !== "evaluate") throw refuse("a message of fit or evaluate", kind);
  const [asked, answer] = kind === "train" ? ["fitins", "fitres"] : ["evaluateins", "evaluateres"];
  const record = content.get(`${asked}.config`);
  return {
    kind,
    config: record === undefined ? new Map() : valuesOf(record, `${asked}.config`),
    arrays: arraysOf(content, `${asked}.parameters`),
    reply: ({ figures, arrays }) => {
      const { examples, auroc, accuracy, loss, clipped } = figures as Figures;
      const count = recordOf("MetricRecord", `${answer}.num_examples`, [["num_examples", BigInt(examples)]]);
      const bits = Object.entries(names.train).filter(([, figure]) => figure === "clipped");
      const told: [string, RecordValue][] = kind === "train"
        ? bits.map(([name]) => [name, clipped === 1])
        : [["accuracy", accuracy], ["auroc", auroc]];
      return new Map([
        ...kind === "train"
          ? [arrayRecord(`${answer}.parameters`, arrays!)]
          : [recordOf("MetricRecord", `${answer}.loss`, [["loss", loss]])],
        ...[count, recordOf("ConfigRecord", `${answer}.metrics`, told), status(answer)],
      ]);
    },
  };
}

const arrayRecord = (name: string, arrays: NamedArray[]): [string, FlowerRecord] => [
  name,
  { type: "ArrayRecord", arrays },
];

const recordOf = (
  type: "MetricRecord" | "ConfigRecord",
  name: string,
  values: readonly (readonly [string, RecordValue])[],
): [string, FlowerRecord] => [name, { type, values: new Map(values) }];

const status = (answer: string) =>
  recordOf("ConfigRecord", `${answer}.status`, [["code", 0n], ["message", "Success"]]);

/** Figures that are whole numbers, which Flower's apps tell from others. */
const WHOLE: ReadonlySet<keyof Figures> = new Set(["examples", "clipped"]);

function metrics(
  name: string,
  figures: Partial<Figures>,
  wanted: Record<string, keyof Figures>,
): [string, FlowerRecord] {
  return recordOf(
    "MetricRecord",
    name,
    Object.entries(wanted).map(([key, figure]) => [
      key,
      WHOLE.has(figure) ? BigInt(figures[figure]!) : figures[figure]!,
    ]),
  );
}

function valuesOf(record: FlowerRecord, name: string): Map<string, RecordValue> {
  if (record.type !== "ArrayRecord") return record.values;
  throw refuse(`a config record ${name}`, "arrays");
}

function arraysOf(content: RecordDict, name: string): NamedArray[] {
  const record = content.get(name);
  if (record?.type === "ArrayRecord") return record.arrays;
  throw refuse(`an array record ${name}`, [...content.keys()].join(", ") || "no records");
}

const refuse = (expected: string, got: string) =>
  refusal(RangeError, { what: "Cannot read the Flower app's message", expected, got });
