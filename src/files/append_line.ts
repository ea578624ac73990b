import { PRIVATE_FILE } from "./private.ts";
import { writeAllSync } from "./whole.ts";

/**
 * Adds a line to a file that only this user can read, made where it is not there; on disk when it returns. A line that a
 * crash or a full disk has cut short stays by itself.
 */
export async function appendLine(path: string, line: string): Promise<void> {
  using file = await Deno.open(path, { create: true, append: true, read: true, mode: PRIVATE_FILE });
  // Nothing else of this process writes between the look and the last byte.
  const { size } = file.statSync();
  const last = new Uint8Array(1);
  if (size > 0) {
    file.seekSync(size - 1, Deno.SeekMode.Start);
    file.readSync(last);
  }
  const cut = size > 0 && last[0] !== 0x0a;
  writeAllSync(file, new TextEncoder().encode(`${cut ? "\n" : ""}${line}\n`));
  await file.sync();
}
