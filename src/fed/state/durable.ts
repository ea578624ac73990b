/**
 * Reading, moving and syncing the roles' files; whole files are written by `writeDurably` of
 * src/model/weights/model_file.ts.
 *
 * What lies under a temporary name (`*.tmp`, `*.partial`) is never taken for the file itself.
 */
import { createHash } from "node:crypto";
import { ProtocolError } from "../protocol/errors.ts";

/** Bytes read at a time. */
const PIECE = 1 << 20;

/** Moves a synced file to its final name and makes the move durable. */
export async function renameDurable(from: string, to: string): Promise<void> {
  await Deno.rename(from, to);
  await syncFolder(parentOf(to));
}

/** Makes what was written to the file durable. */
export async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  await file.sync();
}

/** Writes all of `bytes`: `FsFile.write` may write fewer. */
export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}

/** Fills `into` from byte `offset` of the file. @throws {RangeError} the file is shorter. */
export async function readAt(file: Deno.FsFile, offset: number, into: Uint8Array): Promise<void> {
  await file.seek(offset, Deno.SeekMode.Start);
  for (let done = 0; done < into.length;) {
    const got = await file.read(into.subarray(done));
    if (got === null) {
      throw new RangeError(
        `Cannot read ${into.length} bytes at ${offset}: the file ends at ${offset + done}`,
      );
    }
    done += got;
  }
}

/** SHA-256 hex of a file's bytes, or null when there is none. */
export async function fileDigest(path: string): Promise<string | null> {
  const digest = createHash("sha256");
  try {
    using file = await Deno.open(path);
    const piece = new Uint8Array(PIECE);
    for (let got; (got = await file.read(piece)) !== null;) digest.update(piece.subarray(0, got));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  return digest.digest("hex");
}

/** Removes a file if it is there. */
export async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** What a write fails with for want of room, and what the operator lacks then. */
const NO_ROOM: [code: string, text: RegExp, got: string][] = [
  ["ENOSPC", /\(os error 28\)|database or disk is full/, "none left"],
  ["EDQUOT", /\(os error 122\)/, "this user's quota used up"],
  ["EFBIG", /\(os error 27\)/, "a limit on the size of one file (ulimit -f, or the file system's)"],
];

/**
 * The coded failure when `error` says that there is no room to write, else `error` itself.
 *
 * @param place.folder Where it was written. @default "--state"
 * @param place.remedy Replaces the table's.
 */
export function nameFullDisk(error: unknown, place: { folder?: string; remedy?: string } = {}): unknown {
  const { code, message } = error instanceof Error ? error as Error & { code?: string } : { message: "" };
  const lack = NO_ROOM.find(([known, text]) => code === known || text.test(message));
  if (lack === undefined || error instanceof ProtocolError) return error;
  const { folder = "--state", remedy } = place;
  return new ProtocolError("disk_full", {
    expected: `space on the disk of ${folder}`,
    got: lack[2],
    remedy,
    cause: error,
  });
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash);
}

async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path);
  await folder.sync();
}
