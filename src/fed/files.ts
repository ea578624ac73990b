/**
 * Reading, moving and syncing the roles' files; whole files are written by `writeDurably` of src/model/checkpoint.ts.
 *
 * What lies under a temporary name (`*.tmp`, `*.partial`) is never taken for the file itself.
 */
import { ProtocolError } from "./errors.ts";

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

/** Removes a file if it is there. */
export async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** The coded failure when `error` says that the disk is full, else `error` itself. */
export function nameFullDisk(error: unknown): unknown {
  const { code, message } = error instanceof Error ? error as Error & { code?: string } : { message: "" };
  if (code !== "ENOSPC" && !/\(os error 28\)|database or disk is full/.test(message)) return error;
  return new ProtocolError("disk_full", {
    expected: "space on the disk of --state",
    got: "none left",
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
