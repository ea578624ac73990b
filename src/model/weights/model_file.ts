/**
 * Models on disk: safetensors with torchvision's names, preprocessing and settings in the metadata.
 *
 * Why these files load anywhere: names, shapes and element order are torchvision's and `num_batches_tracked` is
 * written as 0, so `load_state_dict(strict=True)` takes them. Two digests lie in each (model_digests.ts), made where
 * every model is saved and checked where every model is loaded. The digest of the file as a whole is another: metadata
 * may differ where weights are the same.
 */
import { createHash } from "node:crypto";
import { writeDurably } from "../../files/durable.ts";
import { obstacleTo } from "../../files/obstacle.ts";
import { FILTER } from "../../kernel.ts";
import { isRule } from "../../label_rule.ts";
import { isRefusal, refusal } from "../../refusal.ts";
import { type Layout, layoutOf } from "../layout.ts";
import { isNetwork, NETWORK_NAMES, type NetworkName } from "../networks/networks.ts";
import { checkMetadata, checkWeights, hasDigests, withDigests } from "./model_digests.ts";
import { type FileTensor, readSafetensors, safetensorsParts } from "./safetensors.ts";

/** How pixels become network inputs: x = (u8/255 − mean[c]) / deviation[c] after a resize to size × size. */
export interface Preprocessing {
  /** How files become films, antialiased resize included (src/kernel.ts). */
  kernel: string;
  /** `fill`: stretched, aspect ratio not kept. */
  fit: "fill";
  mean: number[];
  deviation: number[];
}

/** The metadata's version: since 2 the digests lie beside it. */
const VERSION = 2;

/** What travels with the weights. */
export interface ModelMetadata {
  network: NetworkName;
  channels: 1 | 3;
  /** Input side in pixels. */
  size: number;
  preprocessing: Preprocessing;
  /** Which films were positive where it was trained; a model of an older fedx says none and means any finding. */
  labelRule?: string;
  /** The settings of the run, and the digest of its plan. */
  proposal?: unknown;
  planId?: string;
  round?: number;
  /** Which weights training started from, from where. */
  source?: string;
  licence?: string;
  /** The logit from which on a film counts as having a finding; in one hospital's own copy alone. */
  threshold?: { logit: number };
}

/** What is said, after the file's name, of a model that carries no digests. */
export const UNCHECKED =
  "was written by an older fedx and carries no digest: nobody can tell whether it was changed";

/** A model as a file held it. */
export interface LoadedModel {
  /** (layout.length) f32 */
  vector: Float32Array<ArrayBuffer>;
  layout: Layout;
  metadata: ModelMetadata;
  /** Whether the file carries digests, and they were right. A file of an older fedx carries none. */
  checked: boolean;
}

/** ImageNet's per-channel statistics for 3 channels; their rounded means for grey. */
export function preprocessingOf(
  channels: 1 | 3,
  { kernel = FILTER }: { kernel?: string } = {},
): Preprocessing {
  return channels === 1
    ? { kernel, fit: "fill", mean: [0.449], deviation: [0.226] }
    : { kernel, fit: "fill", mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
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

/** How the names of BatchNorm's counters end; fedx counts no batches and writes 0. */
const COUNTER = ".num_batches_tracked";

/** torchvision's key order: each BatchNorm's statistics and counter right after its bias. */
function stateNames(layout: Layout): string[] {
  const statistics = new Set(layout.tensors.filter((t) => t.kind === "statistic").map((t) => t.name));
  return layout.tensors.filter((t) => t.kind === "weight").flatMap(({ name }) => {
    const norm = name.endsWith(".bias") ? name.slice(0, -".bias".length) : "";
    if (!statistics.has(`${norm}.running_mean`)) return [name];
    return [name, `${norm}.running_mean`, `${norm}.running_var`, norm + COUNTER];
  });
}

/**
 * Writes the model durably: temporary name beside it, sync, rename, sync of the folder; parents must exist.
 *
 * @param options.mode as of `writeDurably`
 * @returns the SHA-256 of the file, as `sha256sum` prints it
 * @throws {RangeError} when the vector does not fit the layout.
 */
export async function saveModel(
  path: string,
  vector: Float32Array,
  layout: Layout,
  metadata: ModelMetadata,
  options: { mode?: number } = {},
): Promise<string> {
  const entries = { format: "pt", fedx: JSON.stringify({ version: VERSION, ...metadata }) };
  const parts = safetensorsParts(stateDict(vector, layout), withDigests(entries, vector));
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  await writeDurably(path, parts, options);
  return hash.digest("hex");
}

/**
 * Reads a model that fedx wrote.
 *
 * @throws {SyntaxError} when the file is not such a model: the text names the file and what is wrong, e.g. the first
 * tensor that is missing, misshapen or not finite, or that a byte was changed.
 */
export async function loadModel(path: string): Promise<LoadedModel> {
  const refuse = (parts: { expected: string; got: string; remedy?: string }, cause: unknown) => {
    const { expected, got, remedy = "name a model.safetensors written by fedx" } = parts;
    return refusal(SyntaxError, { what: `Cannot load model ${path}`, expected, got, remedy }, { cause });
  };
  const bytes = await Deno.readFile(path).catch((cause) => {
    throw refuse({ expected: "a file", ...obstacleTo(path, cause) ?? { got: "nothing" } }, cause);
  });
  try {
    return modelOf(readSafetensors(bytes));
  } catch (cause) {
    if (!isRefusal(cause)) throw cause;
    throw refuse(cause, cause);
  }
}

/** The model that a file of fedx holds. @throws {SyntaxError} when it is none, or was changed since it was written */
export function modelOf({ tensors, metadata: entries }: ReturnType<typeof readSafetensors>): LoadedModel {
  // First, so that damage is called damage. A file of version 2 without digests is told that they are gone.
  if (hasDigests(entries)) checkMetadata(entries);
  const { version, ...metadata } = parseMetadata(entries.fedx);
  const checked = version > 1;
  if (checked) checkMetadata(entries);
  const layout = layoutOf(metadata.network, { channels: metadata.channels });
  const vector = vectorOf(tensors, layout);
  if (checked) checkWeights(entries, vector);
  return { vector, layout, metadata, checked };
}

function bad(expected: string, got: string, options?: ErrorOptions): SyntaxError {
  return refusal(SyntaxError, { what: "Cannot read model", expected, got }, options);
}

/** The flat vector of a file's tensors. @throws {SyntaxError} naming the first that is not as the layout says */
function vectorOf(tensors: Map<string, FileTensor>, layout: Layout): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(layout.length);
  for (const { name, shape, offset } of layout.tensors) {
    const found = tensors.get(name);
    if (!(found?.data instanceof Float32Array) || String(found.shape) !== String(shape)) {
      const got = found === undefined ? "nothing" : `[${found.shape}]`;
      throw bad(`${name} of shape [${shape}]`, got);
    }
    const at = found.data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw bad("finite weights", `${found.data[at]} in ${name}`);
    vector.set(found.data, offset);
  }
  for (const name of stateNames(layout).filter((name) => name.endsWith(COUNTER))) {
    const [count] = tensors.get(name)?.data ?? [];
    if (count !== 0n) throw bad(`${name} of 0`, String(count ?? "nothing"));
  }
  return vector;
}

/** @throws {SyntaxError} when the metadata are missing, of another version, or say what no engine can do */
function parseMetadata(text: string | undefined): ModelMetadata & { version: number } {
  if (text === undefined) {
    throw bad("fedx metadata", "none (a torchvision file is a start: --init FILE)");
  }
  let parsed: (ModelMetadata & { version: number }) | null;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw bad("fedx metadata in JSON", "other text", { cause });
  }
  const metadata = parsed ?? {} as ModelMetadata & { version: number };
  const { version, network, channels, size, preprocessing, labelRule, threshold } = metadata;
  const expect = (sound: boolean, expected: string, got: unknown) => {
    if (!sound) throw bad(expected, JSON.stringify(got));
  };
  expect(version === 1 || version === VERSION, `metadata version 1 or ${VERSION}`, version);
  expect(isNetwork(network), `network ${NETWORK_NAMES.join(", ")}`, network);
  expect(channels === 1 || channels === 3, "1 or 3 channels", channels);
  expect(Number.isInteger(size) && size >= 8 && size <= 1024, "a size from 8 to 1024 px", size);
  const sound = isPerChannel(preprocessing?.mean, channels) &&
    isPerChannel(preprocessing.deviation, channels);
  expect(sound, "preprocessing with a mean and a deviation per channel", preprocessing);
  expect(typeof preprocessing.kernel === "string", "preprocessing with a kernel", preprocessing);
  const known = labelRule === undefined || typeof labelRule === "string" && isRule(labelRule);
  expect(known, "a label rule", labelRule);
  expect(
    threshold === undefined || Number.isFinite(threshold?.logit),
    "a threshold of one finite logit",
    threshold,
  );
  return metadata;
}

function isPerChannel(values: unknown, channels: number): boolean {
  return Array.isArray(values) && values.length === channels && values.every(Number.isFinite);
}

function checkLength(vector: Float32Array, layout: Layout): void {
  if (vector.length !== layout.length) {
    throw new RangeError(`Cannot save model: expected ${layout.length} values, got ${vector.length}`);
  }
}
