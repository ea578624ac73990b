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
import { decodeNpy, dtypeOf, encodeNpy } from "./codec/npy.ts";
import type { NamedArray } from "./codec/records.ts";

/** A model that came, and how to send one back in the same form. */
export interface SentModel {
  layout: Layout;
  vector: Float32Array<ArrayBuffer>;
  /** Of BatchNorm's counters, by name; empty where the app sends none. */
  counters: Map<string, number>;
  /** Whether the arrays are a list whose names are numbers. */
  list: boolean;
}

/** Most numbers of one array: as many as any network's vector has. */
const MOST = Math.max(...NETWORK_NAMES.map((name) => layoutOf(name, { channels: 3 }).length));

/**
 * Reads a model of the network, with one channel or three as its first layer has them.
 * *
 * @throws {RangeError} naming the first array that is missing, of another shape, or not finite, or that is too many
 */
export function readModel(
  arrays: readonly NamedArray[],
  { network }: { network: NetworkName },
): SentModel {
  // The first array is the first layer's, in every network's state_dict.
  const wide = arrays.length > 0 && decodeNpy(arrays[0].npy, { most: MOST }).shape[1] === 3;
  const layout = layoutOf(network, { channels: wide ? 3 : 1 });
  const names = [...stateDict(new Float32Array(layout.length), layout).keys()];
  const list = arrays.every(({ name }, place) => name === String(place));
  const given = list ? named(arrays, names) : new Map(arrays.map((array) => [array.name, array]));
  const tensors = new Map(layout.tensors.map((tensor) => [tensor.name, tensor]));
  const vector = new Float32Array(layout.length);
  const counters = new Map<string, number>();
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
    if (!values.every(Number.isFinite)) throw refuse(network, `finite values in ${name}`, "NaN or Inf");
    if (tensor === undefined) counters.set(name, Math.round(values[0]));
    else vector.set(values, tensor.offset);
  }
  const missing = layout.tensors.find(({ name }) => !given.has(name));
  if (missing !== undefined) throw refuse(network, `an array ${missing.name}`, "none");
  return { layout, vector, counters, list };
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
    if (!(data instanceof Float32Array)) {
      if (count === undefined) continue;
      arrays.push(array(name, { kind: "i8", shape: [], values: Float32Array.of(count + steps), list }));
    } else arrays.push(array(name, { kind: "f4", shape, values: data, list }));
  }
  return arrays.map((one, place) => list ? { ...one, name: String(place) } : one);
}

/** NumPyClient's own arrays tell neither kind nor shape beside the .npy file. */
function array(
  name: string,
  { list, ...values }: { kind: "f4" | "i8"; shape: number[]; values: Float32Array; list: boolean },
): NamedArray {
  const told = list ? { dtype: "", shape: [] } : { dtype: dtypeOf(values.kind), shape: values.shape };
  return { name, npy: encodeNpy(values), ...told };
}

const refuse = (network: string, expected: string, got: string) =>
  refusal(RangeError, { what: `Cannot read the app's model as ${network}`, expected, got });
