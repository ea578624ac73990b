/** The files of a shard as they are on disk: read whole or in part, and refused by name where they are not as written. */

import { createHash } from "node:crypto";
import { type Obstacle, obstacleTo } from "../files/obstacle.ts";
import { refusal } from "../refusal.ts";
import { BLOCK_BYTES, damaged, type FileRecord } from "./manifest.ts";

/** @throws {Error} unless the file is there and has so many bytes */
export async function checkBytes(dir: string, name: string, want: number): Promise<void> {
  let got: number;
  try {
    got = (await Deno.stat(`${dir}/${name}`)).size;
  } catch (cause) {
    const found = obstacleTo(`${dir}/${name}`, cause);
    if (found === null) throw damaged(Error, { dir, expected: `${name} in it`, got: "none" }, { cause });
    throw unreadable(`${dir}/${name}`, found, cause);
  }
  if (got !== want) {
    throw damaged(RangeError, { dir, expected: `${want} bytes in ${name}`, got: `${got}` });
  }
}

/** Bytes read at a time while hashing: two such buffers take turns. */
const CHUNK = 4 * 1024 * 1024;

/** @throws {SyntaxError} for another SHA-256 than its record has, naming the first block that is damaged */
export async function checkDigest(
  name: string,
  { dir, record, signal }: { dir: string; record: FileRecord; signal?: AbortSignal },
): Promise<void> {
  const { bytes, sha256, blocks } = record;
  const path = `${dir}/${name}`;
  if (await hashRange(path, { first: 0, bytes, signal }) === sha256) return;
  const refuse = (part: string) =>
    damaged(SyntaxError, {
      dir,
      expected: `the SHA-256 that manifest.json names for ${part}`,
      got: "another",
    });
  // Only now the blocks: they say where the damage is, but the digest that names a shard is of whole files.
  for (const [i, block] of (blocks ?? []).entries()) {
    const first = i * BLOCK_BYTES;
    const range = { first, bytes: Math.min(BLOCK_BYTES, bytes - first), signal };
    if (await hashRange(path, range) === block) continue;
    throw refuse(`block ${i} of ${name}`);
  }
  throw refuse(name);
}

/** SHA-256 (hex) of a part of a file; the next chunk is read while one is hashed. */
async function hashRange(
  path: string,
  { first, bytes, signal }: { first: number; bytes: number; signal?: AbortSignal },
): Promise<string> {
  using file = await openFile(path);
  await file.seek(first, Deno.SeekMode.Start);
  const hash = createHash("sha256");
  const buffers = [new Uint8Array(Math.min(CHUNK, bytes)), new Uint8Array(Math.min(CHUNK, bytes))];
  const next = async (turn: number, left: number) => {
    const chunk = buffers[turn].subarray(0, Math.min(CHUNK, left));
    await readFull(file, chunk, path);
    return chunk;
  };
  let pending = next(0, bytes);
  for (let left = bytes, turn = 1; left > 0; turn = 1 - turn) {
    const chunk = await pending;
    signal?.throwIfAborted();
    left -= chunk.length;
    if (left > 0) pending = next(turn, left);
    hash.update(chunk);
  }
  await pending;
  return hash.digest("hex");
}

/** All bytes of a file of the shard `dir`. @throws {Error} when it is missing or cannot be read */
export async function read(dir: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(`${dir}/${name}`);
  } catch (cause) {
    const none = { got: "none", remedy: "name a folder made by `fedx prepare`" };
    throw unreadable(`${dir}/${name}`, obstacleTo(`${dir}/${name}`, cause) ?? none, cause);
  }
}

/** Opens a file of a shard. */
export async function openFile(path: string): Promise<Deno.FsFile> {
  return await Deno.open(path).catch((cause) => {
    const found = obstacleTo(path, cause);
    throw found === null ? cause : unreadable(path, found, cause);
  });
}

function unreadable(path: string, found: Obstacle, cause: unknown): Error {
  const dir = path.slice(0, path.lastIndexOf("/")), name = path.slice(dir.length + 1);
  const parts = { what: `Cannot open shard ${dir}`, expected: `a ${name} that can be read`, ...found };
  return refusal(Error, parts, { cause });
}

/** Fills `into` from where the file stands. @throws {RangeError} when it ends before that */
export async function readFull(file: Deno.FsFile, into: Uint8Array, path: string): Promise<void> {
  for (let at = 0; at < into.length;) {
    const n = await file.read(into.subarray(at));
    if (n === null) {
      const dir = path.slice(0, path.lastIndexOf("/")), name = path.slice(dir.length + 1);
      const expected = `${into.length - at} bytes more in ${name}`;
      throw damaged(RangeError, { dir, expected, got: "its end" });
    }
    at += n;
  }
}
