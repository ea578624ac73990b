/**
 * Where every tensor of a network lies in its one flat f32 vector.
 *
 * Why one vector: delta, frame, aggregate, checkpoint and engine share it, so none of them knows about tensors.
 * All weights come first, all BatchNorm statistics after them, each block in torchvision's state_dict order and
 * each tensor in torchvision's OIHW element order. `num_batches_tracked` is not part of it.
 */
import { digest } from "../files/digest.ts";

/** Networks that the engine can build. */
export type NetworkName = "efficientnet_b0";

/** One tensor of the flat vector; `offset` and `length` count f32 elements. */
export interface Tensor {
  /** torchvision's state_dict key. */
  name: string;
  /** OIHW for convolutions, `[out, in]` for linear layers, `[C]` otherwise. */
  shape: number[];
  offset: number;
  length: number;
  kind: "weight" | "statistic";
  /** Learning-rate group of the recipe. */
  group: "classifier" | "stem" | "backbone";
}

/** The flat vector's table of contents. */
export interface Layout {
  network: NetworkName;
  channels: 1 | 3;
  tensors: Tensor[];
  /** f32 elements in the whole vector. */
  length: number;
  /** f32 elements of the weight block; the statistics follow it. */
  weights: number;
}

type Entry = [name: string, shape: number[], kind: Tensor["kind"]];

/** EfficientNet-B0's stages (Tan and Le 2019, table 1); only a stage's first block has its stride. */
export const STAGES = [
  { expand: 1, kernel: 3, stride: 1, input: 32, output: 16, blocks: 1 },
  { expand: 6, kernel: 3, stride: 2, input: 16, output: 24, blocks: 2 },
  { expand: 6, kernel: 5, stride: 2, input: 24, output: 40, blocks: 2 },
  { expand: 6, kernel: 3, stride: 2, input: 40, output: 80, blocks: 3 },
  { expand: 6, kernel: 5, stride: 1, input: 80, output: 112, blocks: 3 },
  { expand: 6, kernel: 5, stride: 2, input: 112, output: 192, blocks: 4 },
  { expand: 6, kernel: 3, stride: 1, input: 192, output: 320, blocks: 1 },
] as const;

/** A convolution without bias and the BatchNorm behind it. */
function convolution(name: string, shape: number[]): Entry[] {
  const channels = [shape[0]];
  return [
    [`${name}.0.weight`, shape, "weight"],
    [`${name}.1.weight`, channels, "weight"],
    [`${name}.1.bias`, channels, "weight"],
    [`${name}.1.running_mean`, channels, "statistic"],
    [`${name}.1.running_var`, channels, "statistic"],
  ];
}

/** One mobile inverted bottleneck: expand (unless 1), depthwise, squeeze-excite, project. */
function mbconv(name: string, expand: number, kernel: number, input: number, output: number): Entry[] {
  const wide = input * expand;
  const squeeze = Math.max(1, input >> 2);
  const entries: Entry[] = [];
  let layer = 0;
  if (expand > 1) entries.push(...convolution(`${name}.block.${layer++}`, [wide, input, 1, 1]));
  entries.push(...convolution(`${name}.block.${layer++}`, [wide, 1, kernel, kernel]));
  const gate = `${name}.block.${layer++}`;
  entries.push(
    [`${gate}.fc1.weight`, [squeeze, wide, 1, 1], "weight"],
    [`${gate}.fc1.bias`, [squeeze], "weight"],
    [`${gate}.fc2.weight`, [wide, squeeze, 1, 1], "weight"],
    [`${gate}.fc2.bias`, [wide], "weight"],
  );
  entries.push(...convolution(`${name}.block.${layer}`, [output, wide, 1, 1]));
  return entries;
}

/** All tensors of EfficientNet-B0 with a one-logit head, in state_dict order, without offsets. */
function efficientnetB0(channels: 1 | 3): Entry[] {
  const entries = convolution("features.0", [32, channels, 3, 3]);
  STAGES.forEach(({ expand, kernel, input, output, blocks }, stage) => {
    for (let j = 0; j < blocks; j++) {
      entries.push(...mbconv(`features.${stage + 1}.${j}`, expand, kernel, j === 0 ? input : output, output));
    }
  });
  entries.push(...convolution("features.8", [1280, 320, 1, 1]));
  entries.push(["classifier.1.weight", [1, 1280], "weight"], ["classifier.1.bias", [1], "weight"]);
  return entries;
}

function groupOf(name: string): Tensor["group"] {
  if (name.startsWith("classifier.")) return "classifier";
  return name === "features.0.0.weight" ? "stem" : "backbone";
}

/**
 * The layout of `network` with a one-logit head: for EfficientNet-B0 213 weight tensors, then 98 statistics.
 *
 * @throws {RangeError} for an unknown network or a channel count other than 1 or 3.
 */
export function layoutOf(network: NetworkName, options: { channels: 1 | 3 }): Layout {
  const { channels } = options;
  if (network !== "efficientnet_b0") {
    throw new RangeError(`Cannot lay out network: expected efficientnet_b0, got ${String(network)}`);
  }
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`Cannot lay out ${network}: expected 1 or 3 channels, got ${String(channels)}`);
  }
  const tensors: Tensor[] = [];
  const entries = efficientnetB0(channels);
  let offset = 0;
  let weights = 0;
  for (const block of ["weight", "statistic"] as const) {
    for (const [name, shape, kind] of entries) {
      if (kind !== block) continue;
      const length = shape.reduce((a, b) => a * b, 1);
      tensors.push({ name, shape, offset, length, kind, group: groupOf(name) });
      offset += length;
    }
    if (block === "weight") weights = offset;
  }
  return { network, channels, tensors, length: offset, weights };
}

/** SHA-256 (hex) of the canonical JSON of `[[name, shape, offset], …]`: two sides with one fingerprint share a vector. */
export function fingerprint(layout: Layout): string {
  // RFC 8785 equals JSON.stringify for arrays of ASCII strings and integers.
  const canonical = JSON.stringify(layout.tensors.map((t) => [t.name, t.shape, t.offset]));
  return digest(canonical);
}
