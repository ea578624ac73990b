/** What the disk takes for the writing of a round, measured beside it. */
import { writeAll } from "../src/files/whole.ts";

/** Seconds to write and sync so many files of `bytes` each, one after the other, in the folder for temporary files. */
export async function writeSeconds(bytes: number, options: { files: number }): Promise<number> {
  const dir = await Deno.makeTempDir({ prefix: "fedx-disk-" });
  const piece = crypto.getRandomValues(new Uint8Array(65_536));
  const block = new Uint8Array(1 << 20).map((_, i) => piece[i % piece.length]);
  try {
    const started = performance.now();
    for (let k = 0; k < options.files; k++) {
      using file = await Deno.open(`${dir}/${k}`, { write: true, create: true });
      for (let left = bytes; left > 0; left -= block.length) {
        const part = block.subarray(0, Math.min(left, block.length));
        await writeAll(file, part);
      }
      await file.sync();
    }
    return (performance.now() - started) / 1000;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
