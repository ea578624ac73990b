/** Reads and writes of an open file that do all of what they are asked: the system may do less in one call. */

/** Writes all of `bytes`. */
export async function writeAll(file: Pick<Deno.FsFile, "write">, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}

/** Writes all of `bytes` before anything else of this process happens. */
export function writeAllSync(file: Pick<Deno.FsFile, "writeSync">, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
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
