/**
 * The weights that a run begins with (`--init`): random ones, ImageNet's from a torchvision file or from the
 * EfficientNet-Lite0 package, or those of any model file.
 */
import { basename } from "node:path";
import { digest } from "../../files/digest.ts";
import { obstacleTo } from "../../files/obstacle.ts";
import { ANY_FINDING } from "../../label_rule.ts";
import { plural } from "../../plural.ts";
import { isRefusal, refusal } from "../../refusal.ts";
import type { Layout } from "../layout.ts";
import { NETWORKS } from "../networks/networks.ts";
import { liteToB0 } from "./lite0.ts";
import { LITE0_PACKAGE, lite0Bytes, type PackageOptions } from "./lite0_package.ts";
import { randomWeights } from "./random.ts";
import { isOurs } from "./model_digests.ts";
import { type ModelMetadata, modelOf, UNCHECKED } from "./model_file.ts";
import { readSafetensors } from "./safetensors.ts";
import { readTorchFile } from "./torch_file.ts";
import { fromTorchvision, type NamedTensor } from "./torchvision.ts";

/** The weights before training, and how a run's settings name them. */
export interface InitialWeights {
  layout: Layout;
  /** (layout.length) f32 */
  vector: Float32Array<ArrayBuffer>;
  sha256: string;
  kind: "imagenet" | "random" | "file";
  /**
   * One line: which weights, from where, under which licence. A file stands there by its name alone: the line goes to
   * every silo, and a folder's name is nobody's business.
   */
  source: string;
  /** Something to say of the file: that nobody can tell whether it was changed, or that its films or labels were others. */
  warning?: string;
}

/** Which weights; `weights` and what finds the package serve `imagenet` only. */
export interface InitialOptions extends PackageOptions {
  /** `imagenet`, `random`, or the path of a `.safetensors` or `.pth` file. */
  init: "imagenet" | "random" | string;
  /** Seed of what is drawn: everything, or the classifier and squeeze-excite. */
  seed: number;
  /** Side of the films to train on in pixels, where it is known: a model that saw others may start, with a warning. */
  size?: number;
  /** How the films were made, where it is known: a model of another kernel may start, with a warning. */
  kernel?: string;
  /** Which films are positive, where it is known: a model of another rule may start, with a warning. */
  labelRule?: string;
  /** A torchvision file of the network; comes before cache and package. @default the one that FEDX_WEIGHTS names */
  weights?: string;
}

/**
 * Makes the weights that a run begins with.
 *
 * @throws {SyntaxError} when a file is not what it claims to be, or wants to run code.
 * @throws {RangeError} when a file's tensors do not fit, naming the first.
 * @throws {Error} when ImageNet weights are neither at hand nor to be fetched, naming the ways out.
 */
export async function initialWeights(layout: Layout, options: InitialOptions): Promise<InitialWeights> {
  const made = await make(layout, options);
  return { layout, ...made, sha256: digest(made.vector) };
}

async function make(
  layout: Layout,
  options: InitialOptions,
): Promise<Omit<InitialWeights, "layout" | "sha256">> {
  const { init, seed, size, kernel, labelRule } = options;
  const asked = { layout, size, kernel, labelRule };
  if (init === "random") {
    return { vector: randomWeights(layout, seed), source: `random weights, seed ${seed}`, kind: "random" };
  }
  if (init !== "imagenet") {
    const wanted = { ...asked, remedy: "give imagenet, random or a file" };
    const { state, licence, warning } = await readState(init, wanted);
    const source = `${basename(init)}${licence}`;
    return { vector: fromTorchvision(state, layout, { seed }), source, kind: "file", warning };
  }
  const weights = options.weights ?? Deno.env.get("FEDX_WEIGHTS");
  if (weights !== undefined && weights !== "") {
    const wanted = { ...asked, remedy: "mend the file that --weights or FEDX_WEIGHTS names" };
    const { state, licence, warning } = await readState(weights, wanted);
    const source = `${NETWORKS[layout.network].title} weights in torchvision's format from ${
      basename(weights)
    }${licence}`;
    return { vector: fromTorchvision(state, layout, { seed }), source, kind: "imagenet", warning };
  }
  if (layout.network !== "efficientnet_b0") {
    throw refusal(Error, {
      what: `Cannot start ${layout.network} from ImageNet weights`,
      expected: `a file of torchvision's ${layout.network} in --weights or FEDX_WEIGHTS`,
      got: "none",
      remedy: "name one, or say --init random",
    });
  }
  const state = liteToB0(await readTorchFile(await lite0Bytes(options)), layout, { seed });
  // The same words whether cached or fetched: the source stands in the proposal, which a restart must repeat.
  const source =
    `B0 warm-started from EfficientNet-Lite0's ImageNet weights, package ${LITE0_PACKAGE} (Apache-2.0)`;
  return { vector: fromTorchvision(state, layout, { seed }), source, kind: "imagenet" };
}

/** The label rule of the model in a file; undefined where it is not a model of fedx. @throws {SyntaxError} · {Error} as above */
export async function labelRuleIn(path: string): Promise<string | undefined> {
  const bytes = await readWeights(path, "give imagenet, random or a file");
  if (!looksLikeSafetensors(bytes)) return undefined;
  const file = readSafetensors(bytes);
  return isOurs(file.metadata) ? modelOf(file).metadata.labelRule ?? ANY_FINDING : undefined;
}

/** What a file of weights holds. */
interface FileState {
  state: Map<string, NamedTensor>;
  /** How the source's line ends. */
  licence: string;
  warning?: string;
}

/** What a file of weights is to start. */
interface Wanted {
  layout: Layout;
  size?: number;
  kernel?: string;
  labelRule?: string;
  /** How the error of a file ends that has no remedy of its own. */
  remedy: string;
}

/** Reads a state_dict from safetensors or a torch file, told apart by their first bytes. */
async function readState(path: string, wanted: Wanted): Promise<FileState> {
  const { remedy } = wanted;
  const bytes = await readWeights(path, remedy);
  try {
    const { warning, ...rest } = await parseState(bytes, wanted);
    return { ...rest, ...warning === undefined ? {} : { warning: `${path} ${warning}` } };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const { expected, got, remedy: own = remedy } = isRefusal(cause)
      ? cause
      : { expected: "weights", got: cause.message };
    const parts = { what: `Cannot read weights ${path}`, expected, got, remedy: own };
    throw refusal(SyntaxError, parts, { cause });
  }
}

async function readWeights(path: string, remedy: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(path).catch((cause) => {
    const found = obstacleTo(path, cause) ?? { got: "nothing", remedy };
    throw refusal(Error, { what: "Cannot read weights", expected: `a file at ${path}`, ...found }, { cause });
  });
}

async function parseState(bytes: Uint8Array, wanted: Wanted): Promise<FileState> {
  if (bytes.length > 0 && !looksLikeSafetensors(bytes)) {
    return { state: await readTorchFile(bytes), licence: licenceOf() };
  }
  const file = readSafetensors(bytes);
  const state = new Map<string, NamedTensor>();
  for (const [name, { shape, data }] of file.tensors) {
    if (data instanceof Float32Array) state.set(name, { shape, data });
  }
  if (!isOurs(file.metadata)) return { state, licence: licenceOf() };
  const { metadata, checked } = modelOf(file);
  checkNetwork(metadata, wanted.layout);
  checkChannels(metadata, wanted.layout);
  const told = [
    checked ? [] : [UNCHECKED],
    otherSize(metadata, wanted),
    otherKernel(metadata, wanted),
    otherRule(metadata, wanted),
  ];
  const warning = told.flat().join("; it ");
  return { state, licence: licenceOf(metadata.licence), ...warning === "" ? {} : { warning } };
}

function checkNetwork({ network }: ModelMetadata, layout: Layout): void {
  if (network === layout.network) return;
  throw refusal(SyntaxError, {
    what: "Cannot start from model",
    expected: `a model of ${layout.network}`,
    got: `one of ${network}`,
    remedy: `name another file, or where the command has it --network ${network}`,
  });
}

/** A model of fedx knows films already, and with its stem's channels summed it would know them less well. */
function checkChannels({ channels }: ModelMetadata, layout: Layout): void {
  if (channels === layout.channels) return;
  throw refusal(SyntaxError, {
    what: "Cannot start from model",
    expected: `a model of ${plural(layout.channels, "channel")}`,
    got: `one of ${channels}`,
    remedy: `name another file, or where the command has it --channels ${channels}`,
  });
}

/** What is said, after the file's name, of a model whose films had another size. */
function otherSize({ size }: ModelMetadata, wanted: Wanted): string[] {
  if (wanted.size === undefined || size === wanted.size) return [];
  return [
    `was trained on films of ${size} px and starts here on films of ${wanted.size} px, where it may be worse`,
  ];
}

/** What is said, after the file's name, of a model whose films were made otherwise. */
function otherKernel({ preprocessing: { kernel } }: ModelMetadata, wanted: Wanted): string[] {
  if (wanted.kernel === undefined || kernel === wanted.kernel) return [];
  return [`was trained on films of kernel ${kernel} and starts here on films of ${wanted.kernel}`];
}

/** What is said, after the file's name, of a model that was trained to find something else. */
function otherRule({ labelRule = ANY_FINDING }: ModelMetadata, wanted: Wanted): string[] {
  if (wanted.labelRule === undefined || labelRule === wanted.labelRule) return [];
  return [`was trained by the label rule ${labelRule} and goes on here by ${wanted.labelRule}`];
}

/** Safetensors open with a header length far below 2^32 and a brace. */
function looksLikeSafetensors(bytes: Uint8Array): boolean {
  return bytes.length > 8 && bytes[8] === 0x7b && bytes[4] === 0 && bytes[5] === 0;
}

function licenceOf(known?: string): string {
  return known === undefined ? " (licence: as its source says)" : ` (${known})`;
}
