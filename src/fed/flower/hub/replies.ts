/** What a site's reply comes to: a change of the model, or figures over its films. */
import { fingerprint, type Layout } from "../../../model/layout.ts";
import { hanleyMcNeil } from "../../../model/metrics/bootstrap.ts";
import { MIN_PER_CLASS } from "../../../model/metrics/metrics.ts";
import type { NetworkName } from "../../../model/networks/networks.ts";
import { MOST_IMAGES } from "../../protocol/claims.ts";
import { delta } from "../../maths/exact_sum.ts";
import type { Said } from "../codec/content.ts";
import type { FlowerRecord, NamedArray, RecordValue } from "../codec/records.ts";
import { cut } from "../refused.ts";
import { readModel } from "../weights.ts";

/** A reply that is not taken, and why. */
export class ReplyRefused extends Error {
  override readonly name = "ReplyRefused";

  constructor(readonly expected: string, readonly got: string, options?: ErrorOptions) {
    super(`expected ${expected}, got ${got}`, options);
  }
}

/** Figures over the films of one split. */
export interface Figures {
  auroc: number | null;
  se: number | null;
  loss: number | null;
  positives: number;
  negatives: number;
}

/**
 * The change Δ of the model that a reply to `train` brings; `base` is what it was trained from.
 * @throws {ReplyRefused} for another model, values that are not finite or too far, another number of films than enrolled
 */
export function readTraining(
  said: Said,
  { base, layout, network, train }: {
    base: Float32Array;
    layout: Layout;
    network: NetworkName;
    train: number;
  },
): Float32Array {
  const { arrays, metrics } = recordsOf(said);
  const examples = numberOf(metrics, "num-examples");
  if (examples !== train) {
    throw new ReplyRefused(`num-examples ${train}, as enrolled`, examples === null ? "none" : `${examples}`);
  }
  if (arrays === null) throw new ReplyRefused("one record of arrays", "none");
  const model = naming(() => readModel(arrays, { network }));
  if (fingerprint(model.layout) !== fingerprint(layout)) {
    throw new ReplyRefused(`a model of ${layout.length} numbers`, `one of ${model.layout.length}`);
  }
  return naming(() => delta(model.vector, base, layout, model.vector));
}

/**
 * The figures of a reply to `evaluate`: of as many films as `num-examples` says, of which `positives` have a finding. Without
 * those, and without `auroc`, or with fewer than 10 films of either class, they weigh nothing where a model is selected.
 * @throws {ReplyRefused} for numbers out of range
 */
export function readFigures(said: Said): Figures {
  const { metrics } = recordsOf(said);
  const images = numberOf(metrics, "num-examples");
  if (images === null || !Number.isSafeInteger(images) || images < 1 || images > MOST_IMAGES) {
    throw new ReplyRefused("num-examples, a whole number from 1", String(images));
  }
  const positives = numberOf(metrics, "positives") ?? 0;
  if (!Number.isSafeInteger(positives) || positives < 0 || positives > images) {
    throw new ReplyRefused(`positives from 0 to ${images}`, String(positives));
  }
  const counts = { positives, negatives: images - positives };
  const few = Math.min(counts.positives, counts.negatives) < MIN_PER_CLASS;
  // Of too few films whatever is said, NaN too, is no figure.
  if (few || !metrics.has("auroc")) return { auroc: null, se: null, loss: null, ...counts };
  const [auroc, loss] = [numberOf(metrics, "auroc")!, numberOf(metrics, "loss")];
  if (!(auroc >= 0 && auroc <= 1)) {
    throw new ReplyRefused("an auroc from 0 to 1", String(auroc));
  }
  if (loss !== null && !(loss >= 0 && loss < 1e12)) {
    throw new ReplyRefused("a finite loss from 0", String(loss));
  }
  // At an AUROC of 0 or 1 half a pair from the end, as our own bootstrap has it.
  const half = .5 / (counts.positives * counts.negatives);
  const se = Math.min(.5, hanleyMcNeil(Math.min(1 - half, Math.max(half, auroc)), counts));
  return { auroc, se, loss, ...counts };
}

/** The arrays and metrics of a reply, whatever their records are called. @throws {ReplyRefused} for an error of the site's */
function recordsOf({ content, error }: Said): {
  arrays: NamedArray[] | null;
  metrics: Map<string, RecordValue>;
} {
  if (error !== undefined) throw new ReplyRefused("an answer", `error ${error.code}: ${cut(error.reason)}`);
  const records = [...content?.values() ?? []];
  const arrays = records.filter((one) => one.type === "ArrayRecord");
  const metrics = records.filter((one) => one.type === "MetricRecord");
  if (metrics.length !== 1) throw new ReplyRefused("one record of metrics", `${metrics.length}`);
  if (arrays.length > 1) throw new ReplyRefused("one record of arrays", `${arrays.length}`);
  const [first] = arrays as Extract<FlowerRecord, { arrays: unknown }>[];
  return {
    arrays: first?.arrays ?? null,
    metrics: (metrics[0] as Extract<FlowerRecord, { values: unknown }>).values,
  };
}

/** A metric that is a number; null without it. */
function numberOf(metrics: ReadonlyMap<string, RecordValue>, name: string): number | null {
  const value = metrics.get(name);
  if (value === undefined) return null;
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw new ReplyRefused(`a finite number in ${name}`, cut(String(value)));
}

function naming<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const { expected, got, message } = cause as Error & { expected?: string; got?: string };
    throw new ReplyRefused(expected ?? "a model of the run", cut(got ?? message), { cause });
  }
}
