/**
 * The order of writing, fsync and rename: what stands under a file's own name is the old file or the whole new one,
 * whenever the process or the machine dies.
 *
 * The bytes are written and synced under a temporary name first; then the file gets its own name; then the folder is
 * synced, because the name is stored there. So nothing under a temporary name (`*.tmp`, `*.partial`) is ever taken for
 * the file itself.
 */
import { dirname } from "node:path";
import { PRIVATE_FILE } from "./private.ts";
import { writeAll } from "./whole.ts";

/**
 * Writes bytes, text, or parts that follow each other, as a whole file.
 *
 * @param options.mode permission bits of the file from its first byte on; the umask may narrow them @default {0o600}
 */
export async function writeDurably(
  path: string,
  content: string | Uint8Array | Iterable<Uint8Array>,
  options: { mode?: number } = {},
): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    using file = await Deno.open(temporary, {
      write: true,
      createNew: true,
      mode: options.mode ?? PRIVATE_FILE,
    });
    for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) await writeAll(file, part);
    await file.sync();
    await renameDurably(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // the first failure is the one to tell
    throw named(error, path);
  }
}

/** The error with the path in it, where it does not say one: a write on a full disk fails without a word of the file. */
export function named(error: unknown, path: string): unknown {
  const bare = error instanceof Error && !("path" in error) && !error.message.includes("'");
  return bare ? Object.assign(error, { path }) : error;
}

/** Gives a synced file or folder its own name, and makes the name durable. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await Deno.rename(from, to);
  await syncFolder(dirname(to));
}

/** Makes durable which names a folder holds. */
export async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path);
  await folder.sync();
}

/** Makes durable what other handles have written to a file. */
export async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  await file.sync();
}
