/**
 * Where every tensor of a network lies in its one flat f32 vector.
 *
 * Why one vector: delta, frame, aggregate, checkpoint and engine share it, so none of them knows about tensors.
 * All weights come first, all BatchNorm statistics after them, each block in torchvision's state_dict order and
 * each tensor in torchvision's OIHW element order. `num_batches_tracked` is not part of it.
 */
import { digest } from "../files/digest.ts";
import { isNetwork, NETWORK_NAMES, type NetworkName, NETWORKS } from "./networks/networks.ts";
import type { Network, Operation } from "./networks/network.ts";

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

function norm(name: string, channels: number): Entry[] {
  return [
    [`${name}.weight`, [channels], "weight"],
    [`${name}.bias`, [channels], "weight"],
    [`${name}.running_mean`, [channels], "statistic"],
    [`${name}.running_var`, [channels], "statistic"],
  ];
}

/** A layer with a bias: a convolution of 1 × 1, or a linear one. */
function linear(name: string, shape: number[]): Entry[] {
  return [[`${name}.weight`, shape, "weight"], [`${name}.bias`, [shape[0]], "weight"]];
}

/** The tensors of operations that are given so many channels, in state_dict order, and the channels that come out. */
function walk(operations: readonly Operation[], channels: number): { entries: Entry[]; channels: number } {
  const entries: Entry[] = [];
  const inside = (parts: readonly Operation[], given: number) => {
    const walked = walk(parts, given);
    entries.push(...walked.entries);
    return walked.channels;
  };
  for (const one of operations) {
    if (one.kind === "convolution") {
      const shape = [one.out, one.depthwise ? 1 : channels, one.kernel, one.kernel];
      entries.push([`${one.name}.weight`, shape, "weight"], ...one.norm ? norm(one.norm, one.out) : []);
      channels = one.out;
    } else if (one.kind === "norm") {
      entries.push(...norm(one.name, channels));
    } else if (one.kind === "squeezeExcite") {
      entries.push(...linear(`${one.name}.fc1`, [one.squeezed, channels, 1, 1]));
      entries.push(...linear(`${one.name}.fc2`, [channels, one.squeezed, 1, 1]));
    } else if (one.kind === "residual") {
      const given = channels;
      channels = inside(one.branch, given);
      inside(one.shortcut, given);
    } else if (one.kind === "append") {
      channels += inside(one.branch, channels);
    } else if (one.kind === "sequence") {
      channels = inside(one.parts, channels);
    }
  }
  return { entries, channels };
}

function groupOf(name: string, { operations: [stem], classifier }: Network): Tensor["group"] {
  if (name.startsWith(`${classifier}.`)) return "classifier";
  return stem.kind === "convolution" && name === `${stem.name}.weight` ? "stem" : "backbone";
}

/**
 * The layout of `network` with a one-logit head, such as EfficientNet-B0's: 213 weight tensors, then 98 statistics.
 *
 * @throws {RangeError} for an unknown network or a channel count other than 1 or 3.
 */
export function layoutOf(network: NetworkName, options: { channels: 1 | 3 }): Layout {
  const { channels } = options;
  if (!isNetwork(network)) {
    throw new RangeError(
      `Cannot lay out network: expected ${NETWORK_NAMES.join(", ")}, got ${String(network)}`,
    );
  }
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`Cannot lay out ${network}: expected 1 or 3 channels, got ${String(channels)}`);
  }
  const { operations, classifier } = NETWORKS[network];
  const walked = walk(operations, channels);
  const entries = [...walked.entries, ...linear(classifier, [1, walked.channels])];
  const tensors: Tensor[] = [];
  let offset = 0;
  let weights = 0;
  for (const block of ["weight", "statistic"] as const) {
    for (const [name, shape, kind] of entries) {
      if (kind !== block) continue;
      const length = shape.reduce((a, b) => a * b, 1);
      tensors.push({ name, shape, offset, length, kind, group: groupOf(name, NETWORKS[network]) });
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
