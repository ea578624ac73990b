/**
 * The one file's format, written here and read here and by native/launcher (payload.h describes it): the launcher,
 * a header, a table in text, then the parts' bytes.
 */
import { createHash } from "node:crypto";
import { writeAll } from "../src/files/whole.ts";

/** A file of the payload. */
export interface Part {
  /** Where it lies when unpacked, relative, without a space; the clone's own layout, so that modules find it. */
  path: string;
  mode: number;
  /** The file that it is copied from. */
  source: string;
}

/** A part as the table has it. */
export interface PackedPart {
  path: string;
  mode: number;
  bytes: number;
  sha256: string;
}

/** What the table says. */
export interface Table {
  parts: PackedPart[];
  /** The libtorch that the cache may hold. */
  torch: string;
  /** Permission flags by a command line's first word. */
  roles: Record<string, readonly string[]>;
}

const MAGIC = "FDXPACK1";
const HEADER_BYTES = 56;
const CHUNK = 1 << 20;

/** The table as text; the launcher trusts what it reads only after its SHA-256. */
export function tableText({ parts, torch, roles }: Table): string {
  for (const { path } of parts) {
    if (!/^[\w.+@-]+(\/[\w.+@-]+)*$/.test(path) || path.split("/").includes("..")) {
      throw new Error(`Cannot pack ${path}: expected a relative path of plain characters`);
    }
  }
  const lines = [
    ...parts.map(({ mode, bytes, sha256, path }) => `part ${mode.toString(8)} ${bytes} ${sha256} ${path}`),
    `torch ${torch}`,
    ...Object.entries(roles).map(([word, flags]) => `role ${word} ${flags.join(" ")}`),
  ];
  return lines.join("\n") + "\n";
}

/** Reads what tableText wrote. */
export function parseTable(text: string): Table {
  const table: Table = { parts: [], torch: "", roles: {} };
  for (const line of text.split("\n")) {
    const [kind, ...words] = line.split(" ");
    if (kind === "part") {
      const [mode, bytes, sha256, path] = words;
      table.parts.push({ mode: parseInt(mode, 8), bytes: Number(bytes), sha256, path });
    } else if (kind === "torch") table.torch = words[0];
    else if (kind === "role") table.roles[words[0]] = words.slice(1);
  }
  return table;
}

/** Bytes of an ELF image: the linker writes the section headers last. */
function imageBytes(elf: Uint8Array): number {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (elf.length < 64 || view.getUint32(0) !== 0x7f454c46) {
    throw new SyntaxError("Cannot pack: expected an ELF program as the launcher, got something else");
  }
  return Number(view.getBigUint64(40, true)) + view.getUint16(60, true) * view.getUint16(58, true);
}

/** What was written. */
export interface Packed {
  /** Size of the file. */
  bytes: number;
  /** First 16 hexadecimal digits of the table's SHA-256: `fedx --version` shows it. */
  build: string;
}

/** Writes the file whole or not at all. */
export async function pack(
  options: { out: string; launcher: Uint8Array; parts: Part[] } & Omit<Table, "parts">,
): Promise<Packed> {
  const { out, launcher, parts, torch, roles } = options;
  if (imageBytes(launcher) !== launcher.length) {
    throw new SyntaxError(
      `Cannot pack: expected a launcher of ${imageBytes(launcher)} bytes, got ${launcher.length}`,
    );
  }
  const packed = await Promise.all(parts.map(describe));
  const table = new TextEncoder().encode(tableText({ parts: packed, torch, roles }));
  const digest = createHash("sha256").update(table).digest();
  const start = launcher.length + HEADER_BYTES + table.length;
  const bytes = start + packed.reduce((sum, part) => sum + part.bytes, 0);
  const partial = `${out}.${Deno.pid}.partial`;
  try {
    using file = await Deno.open(partial, { write: true, create: true, truncate: true, mode: 0o755 });
    for (const block of [launcher, header(bytes, table.length, digest), table]) await writeAll(file, block);
    for (const { source } of parts) {
      for await (const block of blocksOf(source)) await writeAll(file, block);
    }
    if ((await file.stat()).size !== bytes) {
      throw new Error("Cannot pack: a part changed meanwhile; run again");
    }
    await Deno.rename(partial, out);
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    throw error;
  }
  return { bytes, build: digest.toString("hex").slice(0, 16) };
}

/** Takes a packed file apart: its launcher, and what its table says. */
export async function unpackTable(path: string): Promise<{ launcher: Uint8Array; table: Table }> {
  using file = await Deno.open(path);
  const head = await readSome(file, 64);
  const size = imageBytes(head);
  const launcher = new Uint8Array([...head, ...await readSome(file, size - 64)]);
  const fixed = await readSome(file, HEADER_BYTES);
  if (new TextDecoder().decode(fixed.subarray(0, 8)) !== MAGIC) {
    throw new SyntaxError(`Cannot read ${path}: expected fedx's one file, got another program`);
  }
  const length = Number(new DataView(fixed.buffer).getBigUint64(16, true));
  return { launcher, table: parseTable(new TextDecoder().decode(await readSome(file, length))) };
}

function header(file: number, table: number, digest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setBigUint64(8, BigInt(file), true);
  view.setBigUint64(16, BigInt(table), true);
  bytes.set(digest, 24);
  return bytes;
}

async function describe({ path, mode, source }: Part): Promise<PackedPart> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const block of blocksOf(source)) {
    hash.update(block);
    bytes += block.length;
  }
  return { path, mode, bytes, sha256: hash.digest("hex") };
}

/** A file's bytes; each block is valid until the next is asked for. */
async function* blocksOf(path: string): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  const block = new Uint8Array(CHUNK);
  for (let n = await file.read(block); n !== null; n = await file.read(block)) yield block.subarray(0, n);
}

async function readSome(file: Deno.FsFile, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const got = await file.read(bytes.subarray(at));
    if (got === null) throw new SyntaxError("Cannot read the one file: it was cut short; copy it again");
    at += got;
  }
  return bytes;
}
