/**
 * From a state_dict in torchvision's names to the flat vector.
 *
 * Why the head is dropped: 1000 ImageNet classes say nothing about one finding; the one-logit head starts at
 * N(0, .01) with bias 0. A 3-channel stem becomes a 1-channel one by summing its input channels: for grey pixels,
 * where all three inputs are equal, that is the same sum, under one mean and deviation (`preprocessingOf(1)`).
 */
import { normalTensor } from "./random.ts";
import type { Layout, Tensor } from "../layout.ts";
import type { Network } from "../networks/network.ts";
import { type NetworkName, NETWORKS } from "../networks/networks.ts";

/** Values in C order under a shape. */
export interface NamedTensor {
  shape: number[];
  data: ArrayLike<number>;
}

/**
 * Lays `state` out as `layout` says; entries the layout does not name (`num_batches_tracked`) are ignored.
 *
 * @throws {RangeError} naming the first tensor that is missing or has another shape.
 */
export function fromTorchvision(
  state: Map<string, NamedTensor>,
  layout: Layout,
  options: { seed: number },
): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(layout.length);
  const { classifier } = NETWORKS[layout.network];
  state = todaysNames(state, layout.network);
  const ownHead = state.get(`${classifier}.weight`)?.shape[0] === 1;
  layout.tensors.forEach((tensor, index) => {
    const place = vector.subarray(tensor.offset, tensor.offset + tensor.length);
    if (tensor.group === "classifier" && !ownHead) {
      if (tensor.shape.length === 2) place.set(normalTensor(layout, index, { ...options, deviation: 0.01 }));
      return;
    }
    const found = state.get(tensor.name);
    if (tensor.group === "stem" && found !== undefined && isWiderStem(found.shape, tensor.shape)) {
      sumChannels(found, place);
      return;
    }
    place.set(checked(found, tensor, layout.network).data);
  });
  return vector;
}

/** torchvision's older files call some tensors otherwise. */
function todaysNames(state: Map<string, NamedTensor>, network: NetworkName): Map<string, NamedTensor> {
  const { older }: Network = NETWORKS[network];
  if (older === undefined) return state;
  return new Map([...state].map(([name, tensor]) => [name.replace(older.name, older.today), tensor]));
}

function isWiderStem(found: number[], wanted: number[]): boolean {
  return wanted[1] === 1 && String(found) === String([wanted[0], 3, wanted[2], wanted[3]]);
}

/** (O, 3, H, W) → (O, 1, H, W), summed in f64. */
function sumChannels({ shape, data }: NamedTensor, out: Float32Array): void {
  const [outputs, inputs, height, width] = shape;
  const plane = height * width;
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < plane; i++) {
      let sum = 0;
      for (let c = 0; c < inputs; c++) sum += data[(o * inputs + c) * plane + i];
      out[o * plane + i] = sum;
    }
  }
}

function checked(found: NamedTensor | undefined, tensor: Tensor, network: NetworkName): NamedTensor {
  if (found !== undefined && String(found.shape) === String(tensor.shape)) return found;
  const got = found === undefined ? "none" : `[${found.shape}]`;
  throw new RangeError(
    `Cannot start from weights: expected ${tensor.name} of shape [${tensor.shape}], got ${got}; ` +
      `use a file of torchvision's ${network}, or --init random`,
  );
}
