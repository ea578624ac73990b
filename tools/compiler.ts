/** The g++ of this machine: whether it can build native/, and how many of it may run at once. */
import { readTextIfThere } from "../src/files/exists.ts";

/** The oldest g++ that knows enough of C++20. */
const OLDEST = 11;

/**
 * The first line that `g++ --version` prints.
 *
 * @throws {Error} one sentence with the remedy: no g++, or one that is too old
 */
export async function compilerVersion(): Promise<string> {
  const remedy = "install it (Debian: apt install g++) and run again.";
  const refuse = (got: string) =>
    new Error(`Cannot build the training engine: expected g++ ${OLDEST} or newer, got ${got}; ${remedy}`);
  try {
    const { success, stdout } = await new Deno.Command("g++", {
      args: ["--version"],
      stdout: "piped",
      stderr: "null",
    }).output();
    if (!success) throw refuse("one that does not run");
    const line = new TextDecoder().decode(stdout).split("\n")[0];
    const [, major] = /(\d+)\.\d+/.exec(line.replaceAll(/\(.*?\)/g, "")) ?? []; // in brackets: the packager's
    if (Number(major ?? 0) < OLDEST) throw refuse(line);
    return line;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw refuse("none");
    throw error;
  }
}

/** Bytes that one compiler takes at most. */
const COMPILER_BYTES = 0.6e9;

/**
 * How many compilers to run at once: one a core, where their memory is free.
 *
 * @param options.root folder that stands for `/`, for tests @default ""
 */
export async function compilersAtOnce(
  options: { cores?: number; root?: string } = {},
): Promise<number> {
  const { cores = navigator.hardwareConcurrency, root = "" } = options;
  return Math.max(1, Math.min(cores, Math.floor(await freeBytes(root) / COMPILER_BYTES)));
}

/** Memory that is free on the machine, and no more than this process's cgroup may have; Infinity where neither is told. */
async function freeBytes(root: string): Promise<number> {
  const text = async (path: string) => await readTextIfThere(`${root}${path}`).catch(() => null) ?? "";
  const [, kilobytes] = /^MemAvailable: +(\d+) kB$/m.exec(await text("/proc/meminfo")) ?? [];
  const limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].map(text);
  return [kilobytes && Number(kilobytes) * 1024, ...(await Promise.all(limits)).map(Number)]
    .reduce<number>((least, bytes) => bytes ? Math.min(least, Number(bytes)) : least, Infinity);
}
