/**
 * Files that are there whole or not at all: written to a temporary name, synced, renamed, folder synced.
 *
 * A process killed at any moment leaves either the old file or the new one; what lies under a temporary
 * name is never read.
 */

/** A file being written; nothing appears under its name before `commit`. */
export interface DurableFile extends Disposable {
  /** Appends the bytes, all of them. */
  write(bytes: Uint8Array): Promise<void>;
  /** Syncs, renames into place and syncs the folder. The file is closed afterwards. */
  commit(): Promise<void>;
}

/** Starts a new file that will appear at `path`. Disposing of it before `commit` removes the temporary file. */
export async function openDurable(path: string, options: { mode?: number } = {}): Promise<DurableFile> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.partial`;
  const file = await Deno.open(temporary, { write: true, createNew: true, mode: options.mode ?? 0o644 });
  let open = true;
  const close = () => {
    if (open) file.close();
    open = false;
  };
  return {
    write: (bytes) => writeAll(file, bytes),
    async commit() {
      await file.sync();
      close();
      await Deno.rename(temporary, path);
      await syncFolder(parentOf(path));
    },
    [Symbol.dispose]() {
      if (!open) return;
      close();
      Deno.removeSync(temporary);
    },
  };
}

/** Writes `bytes` to `path` durably, in place of what was there. */
export async function writeDurable(path: string, bytes: Uint8Array): Promise<void> {
  using file = await openDurable(path);
  await file.write(bytes);
  await file.commit();
}

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

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash);
}

async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path);
  await folder.sync();
}
