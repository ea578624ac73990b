// Why: a run of twenty minutes must not end at a folder that is not there, nor replace a file of the operator's.
import { dirname, resolve } from "node:path";
import { isDrawn } from "../../data/sharp.ts";
import { type Obstacle, obstacleTo } from "../../files/obstacle.ts";
import { writeDurably } from "../../files/durable.ts";

/** The first line of `predict --out`; a shard's rows have a column more. Before there were decisions it ended sooner. */
const OLD_SCORES_HEADER = "Image Index,logit,probability";
export const SCORES_HEADER = `${OLD_SCORES_HEADER},decision,error`;

/** Bytes read to tell whether a file is ours: a model's header is far shorter. */
const HEAD = 1 << 20;

/** What a command writes, and the first bytes by which a file of it is known. */
const KINDS = {
  model: { what: "a model of fedx", known: isModel },
  scores: { what: "a CSV of `fedx predict`", known: (head: Uint8Array) => isScores(text(head)) },
  svg: { what: "an SVG", known: (head: Uint8Array) => text(head).startsWith("<svg ") },
  png: { what: "a plot of fedx", known: isDrawn },
};

/**
 * Checks before any work that a result can be written to `path`: its folder is there and writable, and a file that
 * is replaced is empty, of the same kind, or given up with --force. What is no file (a pipe, a device) holds nothing.
 *
 * @throws {Error} naming the option, the path and the remedy.
 */
export async function checkOutput(
  path: string,
  options: { flag: string; kind: keyof typeof KINDS; force: boolean },
): Promise<void> {
  const { flag, kind, force } = options;
  const stopped = (expected: string, found: Obstacle, cause?: unknown) =>
    new Error(`Cannot write ${path}: expected ${expected}, got ${found.got}; ${wayOut(found, flag)}.`, {
      cause,
    });
  const refuse = (expected: string, got: string, remedy: string) => stopped(expected, { got, remedy });
  const found = await Deno.stat(path).catch((cause) => {
    if (!(cause instanceof Deno.errors.NotCapable)) return null;
    throw stopped("a place that fedx may write to", obstacleTo(path, cause)!, cause);
  });
  const link = found === null && await Deno.lstat(path).then(({ isSymlink }) => isSymlink, () => false);
  if (link) throw refuse("a file", "a link that leads nowhere", "remove it");
  if (found?.isDirectory || path.endsWith("/")) throw refuse("a file", "a folder", "name a file in it");
  if (found && !found.isFile && kind !== "model") return;
  if (found && !found.isFile) throw refuse("a file", "a device", "name a file");
  if (found && !force && found.size > 0 && !KINDS[kind].known(await headOf(path))) {
    throw refuse(`no file or ${KINDS[kind].what}`, "another file", "replace it with --force");
  }
  const folder = dirname(path);
  // A file that is there can be written in place, but for a model: that is renamed into place.
  const inFolder = kind === "model" || found === null;
  const parent = await Deno.stat(folder).catch((cause) => {
    const found = obstacleTo(folder, cause);
    if (found !== null) throw stopped(`the folder ${folder}`, found, cause);
    return null;
  });
  if (parent === null) throw refuse(`the folder ${folder}`, "none", "make it (mkdir -p)");
  if (!parent.isDirectory) throw refuse(`the folder ${folder}`, "a file", "move that");
  await tryToWrite(path, { file: found !== null, folder: inFolder ? folder : null }).catch((cause) => {
    const found = obstacleTo(cause.path ?? path, cause) ??
      { got: cause.code ?? cause.message, remedy: "change its permissions" };
    throw stopped("a place that this user may write to", found, cause);
  });
}

/** What to do about an obstacle to `flag`: one that is overcome elsewhere is told so once. */
function wayOut({ remedy, elsewhere }: Obstacle, flag: string): string {
  return elsewhere ? `${remedy} with ${flag}` : `choose another ${flag}, or ${remedy}`;
}

/**
 * Checks before any work that `folder`, or the nearest one above it that is there, can be written to.
 *
 * @throws {Error} naming the option, the folder and the remedy.
 */
export async function checkOutputFolder(folder: string, options: { flag: string }): Promise<void> {
  const refuse = (expected: string, found: Obstacle, cause?: unknown) =>
    new Error(
      `Cannot write into ${folder}: expected ${expected}, got ${found.got}; ${wayOut(found, options.flag)}.`,
      { cause },
    );
  for (let at = resolve(folder);; at = dirname(at)) {
    try {
      const { isDirectory } = await Deno.stat(at);
      if (!isDirectory) throw refuse("a folder", { got: `a file at ${at}`, remedy: "move that" });
      return await tryToWrite(at, { file: false, folder: at });
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound && dirname(at) !== at) continue;
      const found = obstacleTo(at, cause);
      if (found === null) throw cause;
      throw refuse("a place that this user may write to", found, cause);
    }
  }
}

/**
 * Writes a command's text or bytes. A plain file is replaced as a whole, so that a full disk leaves the old one; what a link
 * leads to, what is no file, and a file whose folder this user may not write to, is written in place.
 */
export async function writeOutput(path: string, content: string | Uint8Array<ArrayBuffer>): Promise<void> {
  const found = await Deno.lstat(path).catch(() => null);
  if (found !== null && !(found.isFile && await mayReplace(path))) {
    return await Deno.writeFile(path, typeof content === "string" ? encoder.encode(content) : content);
  }
  await writeDurably(path, content, { mode: (found?.mode ?? 0o666) & 0o777 });
}

async function mayReplace(path: string): Promise<boolean> {
  return await tryToWrite(path, { file: false, folder: dirname(path) })
    .then(() => true, (error) => !(error instanceof Deno.errors.PermissionDenied));
}

/** Opens the file and makes one in the folder, where each is asked for. */
async function tryToWrite(
  path: string,
  { file, folder }: { file: boolean; folder: string | null },
): Promise<void> {
  const tell = (place: string) => (error: Error) => {
    throw Object.assign(error, { path: place });
  };
  if (file) (await Deno.open(path, { write: true }).catch(tell(path))).close();
  if (folder === null) return;
  const probe = { dir: folder, prefix: ".fedx-", suffix: ".partial" };
  await Deno.remove(await Deno.makeTempFile(probe).catch(tell(folder)));
}

async function headOf(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const head = new Uint8Array(HEAD);
  let length = 0;
  for (let n = await file.read(head); n !== null && length < HEAD;) {
    length += n;
    n = await file.read(head.subarray(length));
  }
  return head.subarray(0, length);
}

const encoder = new TextEncoder();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function isScores(head: string): boolean {
  const [first] = head.split("\n", 1);
  const more = ["", ",split", ",accession"];
  return [SCORES_HEADER, OLD_SCORES_HEADER].some((header) => more.some((one) => first === header + one));
}

/** Safetensors (header's length as u64 LE, header in JSON) with fedx's own metadata. */
function isModel(head: Uint8Array): boolean {
  if (head.length < 8) return false;
  const length = Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
  try {
    return typeof JSON.parse(text(head.subarray(8, 8 + length))).__metadata__.fedx === "string";
  } catch {
    return false;
  }
}
