/**
 * Models on disk: safetensors with torchvision's names, preprocessing and plan in the metadata.
 *
 * Why these files load anywhere: names, shapes and element order are torchvision's and `num_batches_tracked` is
 * written as 0, so `load_state_dict(strict=True)` takes them. Published digests are of the flat vector, never of a
 * file, whose metadata may differ between silos.
 */
import { createHash, randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type Layout, layoutOf, type NetworkName } from "./layout.ts";
import { type FileTensor, readSafetensors, writeSafetensors } from "./safetensors.ts";

/** How pixels become network inputs: x = (u8/255 − mean[c]) / deviation[c] after a resize to size × size. */
export interface Preprocessing {
  /** Antialiased resize kernel. */
  kernel: string;
  /** `fill`: stretched, aspect ratio not kept. */
  fit: "fill";
  mean: number[];
  deviation: number[];
}

/** What travels with the weights. */
export interface ModelMetadata {
  network: NetworkName;
  channels: 1 | 3;
  /** Input side in pixels. */
  size: number;
  preprocessing: Preprocessing;
  plan?: unknown;
  round?: number;
  /** Which weights training started from, from where. */
  source?: string;
  licence?: string;
}

/** The resize kernel of shards (`KERNEL` of src/data/decode.ts; equality is tested). */
const KERNEL = "lanczos3";

/** ImageNet's per-channel statistics for 3 channels; their rounded means for grey. */
export function preprocessingOf(channels: 1 | 3): Preprocessing {
  return channels === 1
    ? { kernel: KERNEL, fit: "fill", mean: [0.449], deviation: [0.226] }
    : { kernel: KERNEL, fit: "fill", mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
}

/** SHA-256 (hex) of the flat vector's little-endian f32 bytes. */
export function digest(vector: Float32Array): string {
  const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  return createHash("sha256").update(bytes).digest("hex");
}

/** Cuts the flat vector into torchvision's state_dict, `num_batches_tracked` included; f32 data are views. */
export function stateDict(vector: Float32Array, layout: Layout): Map<string, FileTensor> {
  checkLength(vector, layout);
  const byName = new Map(layout.tensors.map((t) => [t.name, t]));
  const state = new Map<string, FileTensor>();
  for (const name of stateNames(layout)) {
    const tensor = byName.get(name);
    state.set(
      name,
      tensor === undefined
        ? { shape: [], data: new BigInt64Array(1) }
        : { shape: tensor.shape, data: vector.subarray(tensor.offset, tensor.offset + tensor.length) },
    );
  }
  return state;
}

/** torchvision's key order: each BatchNorm's statistics and counter right after its bias. */
function stateNames(layout: Layout): string[] {
  const statistics = new Set(layout.tensors.filter((t) => t.kind === "statistic").map((t) => t.name));
  return layout.tensors.filter((t) => t.kind === "weight").flatMap(({ name }) => {
    const norm = name.endsWith(".bias") ? name.slice(0, -".bias".length) : "";
    if (!statistics.has(`${norm}.running_mean`)) return [name];
    return [name, `${norm}.running_mean`, `${norm}.running_var`, `${norm}.num_batches_tracked`];
  });
}

/**
 * Writes the model durably: temporary name beside it, sync, rename, sync of the folder; parents must exist.
 *
 * @throws {RangeError} when the vector does not fit the layout.
 */
export async function saveModel(
  path: string,
  vector: Float32Array,
  layout: Layout,
  metadata: ModelMetadata,
): Promise<void> {
  const bytes = writeSafetensors(stateDict(vector, layout), {
    format: "pt",
    fedx: JSON.stringify({ version: 1, ...metadata }),
  });
  await writeDurably(path, bytes);
}

/**
 * Writes `bytes` so that a crash at any moment leaves the old file or the whole new one.
 *
 * @param options.mode permission bits of the file from its first byte on @default {0o644}
 */
export async function writeDurably(
  path: string,
  bytes: Uint8Array,
  options: { mode?: number } = {},
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "wx", options.mode ?? 0o644);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Reads a model that fedx wrote.
 *
 * @throws {SyntaxError} when the file is not such a model, naming the first tensor that is missing or misshapen.
 */
export async function loadModel(
  path: string,
): Promise<{ vector: Float32Array<ArrayBuffer>; layout: Layout; metadata: ModelMetadata }> {
  const { tensors, metadata: strings } = readSafetensors(await readFile(path));
  const metadata = parseMetadata(strings.fedx);
  const layout = layoutOf(metadata.network, { channels: metadata.channels });
  const vector = new Float32Array(layout.length);
  for (const tensor of layout.tensors) {
    const found = tensors.get(tensor.name);
    if (!(found?.data instanceof Float32Array) || String(found.shape) !== String(tensor.shape)) {
      const got = found === undefined ? "nothing" : `[${found.shape}]`;
      throw new SyntaxError(
        `Cannot load model: expected ${tensor.name} of shape [${tensor.shape}], got ${got}; ` +
          `use a file written by this version of fedx`,
      );
    }
    vector.set(found.data, tensor.offset);
  }
  return { vector, layout, metadata };
}

function parseMetadata(text: string | undefined): ModelMetadata {
  if (text === undefined) {
    throw new SyntaxError(
      "Cannot load model: expected fedx metadata, got none; a torchvision file is a start (--init FILE), not a model",
    );
  }
  const { version, ...metadata } = JSON.parse(text) as ModelMetadata & { version: number };
  if (version !== 1) {
    throw new SyntaxError(`Cannot load model: expected metadata version 1, got ${version}; update fedx`);
  }
  return metadata;
}

function checkLength(vector: Float32Array, layout: Layout): void {
  if (vector.length !== layout.length) {
    throw new RangeError(`Cannot save model: expected ${layout.length} values, got ${vector.length}`);
  }
}
