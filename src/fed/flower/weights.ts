/**
 * A model as Flower's apps send it, and the flat vector: by torchvision's names, or a list in state_dict order.
 *
 * Counters of batches (`num_batches_tracked`) are no part of the vector. They come as whole numbers and, once Flower has
 * averaged them, as float64: they go back as whole numbers, so that every site's arrays have one kind.
 */
import { type Layout, layoutOf } from "../../model/layout.ts";
import { NETWORK_NAMES, type NetworkName } from "../../model/networks/networks.ts";
import { stateDict } from "../../model/weights/model_file.ts";
import { refusal } from "../../refusal.ts";
import { decodeNpy, dtypeOf, encodeNpy, kindOf } from "./codec/npy.ts";
import type { NamedArray } from "./codec/records.ts";

/** A model that came, and how to send one back in the same form. */
export interface SentModel {
  layout: Layout;
  vector: Float32Array<ArrayBuffer>;
  /** Of BatchNorm's counters, by name; empty where the app sends none. */
  counters: Map<string, bigint>;
  /** Whether the arrays are a list whose names are numbers. */
  list: boolean;
}

/** Most numbers of one array: as many as any network's vector has. */
const MOST = Math.max(...NETWORK_NAMES.map((name) => layoutOf(name, { channels: 3 }).length));

/**
 * Reads a model of the network, with one channel or three as its first layer has them.
 *
 * @throws {RangeError} naming the first array that is missing, of another shape, or not finite, or that is too many
 */
export function readModel(
  arrays: readonly NamedArray[],
  { network }: { network: NetworkName },
): SentModel {
  const names = namesOf(layoutOf(network, { channels: 1 }));
  const list = arrays.every(({ name }, place) => name === String(place));
  const given = list ? named(arrays, names) : new Map(arrays.map((array) => [array.name, array]));
  // The first name is the first layer's, in every network's state_dict.
  const first = given.get(names[0]);
  const wide = first !== undefined && decodeNpy(first.npy, { most: MOST }).shape[1] === 3;
  const layout = layoutOf(network, { channels: wide ? 3 : 1 });
  const tensors = new Map(layout.tensors.map((tensor) => [tensor.name, tensor]));
  const vector = new Float32Array(layout.length);
  const counters = new Map<string, bigint>();
  for (const [name, { npy }] of given) {
    const { shape, values } = decodeNpy(npy, { most: MOST });
    const tensor = tensors.get(name);
    if (tensor === undefined && !names.includes(name)) {
      throw refuse(network, "its state_dict", `an array ${name}`);
    }
    const wanted = tensor?.shape ?? [];
    if (String(shape) !== String(wanted)) {
      throw refuse(network, `${name} of shape [${wanted}]`, `[${shape}]`);
    }
    // As f32: a double may be beyond its range.
    const finite = Float32Array.from(values).every(Number.isFinite);
    const counts = tensor !== undefined || Number.isSafeInteger(Math.round(values[0]));
    if (!finite || !counts) throw refuse(network, `finite values in ${name}`, "NaN, Inf or too large a one");
    if (tensor === undefined) counters.set(name, BigInt(Math.round(values[0])));
    else vector.set(values, tensor.offset);
  }
  const missing = layout.tensors.find(({ name }) => !given.has(name));
  if (missing !== undefined) throw refuse(network, `an array ${missing.name}`, "none");
  return { layout, vector, counters, list };
}

/** torchvision's names of a network's arrays, counters included, in the order of its state_dict. */
const namesOf = (layout: Layout) => [...stateDict(new Float32Array(layout.length), layout).keys()];

/** The form of a start that a hospital sends of itself: the whole state_dict as a list. */
export function startModel(layout: Layout): Omit<SentModel, "vector"> {
  const counters = namesOf(layout).filter((name) => name.endsWith(COUNTER));
  return { layout, counters: new Map(counters.map((name) => [name, 0n])), list: true };
}

/** The arrays by the names that their places in a list stand for, with counters or without. */
function named(arrays: readonly NamedArray[], names: readonly string[]): Map<string, NamedArray> {
  const counted = arrays.length === names.length;
  const places = counted ? names : names.filter((name) => !name.endsWith(COUNTER));
  return new Map(arrays.map((array, place) => [places[place] ?? `number ${place}`, array]));
}

const COUNTER = ".num_batches_tracked";

/** The arrays of a trained model in the form in which the app sent one, its counters `steps` further. */
export function writeModel(
  vector: Float32Array,
  { layout, counters, list }: Omit<SentModel, "vector">,
  { steps }: { steps: number },
): NamedArray[] {
  const arrays: NamedArray[] = [];
  for (const [name, { shape, data }] of stateDict(vector, layout)) {
    const count = counters.get(name);
    const values = data instanceof Float32Array ? data : BigInt64Array.of((count ?? 0n) + BigInt(steps));
    if (!(values instanceof Float32Array) && count === undefined) continue;
    const npy = encodeNpy({ shape, values });
    // NumPyClient's own arrays tell neither kind nor shape beside the .npy file.
    const told = list ? { dtype: "", shape: [] } : { dtype: dtypeOf(kindOf(values)), shape };
    arrays.push({ name: list ? String(arrays.length) : name, npy, ...told });
  }
  return arrays;
}

const refuse = (network: string, expected: string, got: string) =>
  refusal(RangeError, { what: `Cannot read the app's model as ${network}`, expected, got });
