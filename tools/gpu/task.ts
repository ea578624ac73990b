/**
 * `deno task gpu`: packs the archive, unpacks it into an empty folder and runs gpu.sh there, so that what runs here is what
 * another machine would run.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../bundle.ts";
import { Progress } from "../progress.ts";
import { type GpuArguments, parseArguments } from "./arguments.ts";
import { rehearsal } from "./rehearsal.ts";
import { chosen } from "./stages.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Most bytes of the archive: what a machine that is lent for minutes takes. */
export const MOST_BYTES = 64 * 2 ** 20;
/** The quickest levels of xz suffice for that. */
const LEVEL = 1;

/** What the task needs of the one that runs it. */
export interface GpuOptions {
  /** Flags of resolveStd. */
  flags: string[];
  /** Runs a command to its end, passing signals on; gives its exit status. */
  run: (command: string[], options: Deno.CommandOptions) => Promise<number>;
  progress?: Progress;
  /** Makes the archive. @default tools/bundle.ts */
  make?: typeof bundle;
}

/** Does it all; returns the exit status. */
export async function gpu(words: readonly string[], options: GpuOptions): Promise<number> {
  const { run, progress = new Progress() } = options;
  let asked: GpuArguments;
  try {
    asked = parseArguments(words);
    chosen(asked.only);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    progress.line(error.message);
    return 2;
  }
  const archive = await packArchive(options, progress);
  const name = archive.split("/").at(-1)!;
  if (asked.pack) {
    progress.line(`on the other machine: tar xJf ${name}`);
    progress.line(`on the other machine: sh ${name.replace(/\.tar\.xz$/, "")}/gpu.sh`);
    return 0;
  }
  const work = await Deno.makeTempDir({ prefix: "fedx-gpu-" });
  try {
    const code = await run(["tar", "xJf", archive, `--directory=${work}`], {});
    if (code !== 0) throw new Error(`Cannot unpack ${archive}: tar ended with ${code}`);
    return await runUnpacked(`${work}/${name.replace(/\.tar\.xz$/, "")}`, { asked, work, run, progress });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Makes the archive, without engines: they are built where it is unpacked. Returns its path. */
async function packArchive(
  { flags, make = bundle }: GpuOptions,
  progress: Progress,
): Promise<string> {
  const start = performance.now();
  const { path, bytes } = await make({
    folder: ROOT.slice(0, -1),
    flags,
    shims: [],
    name: "fedx-gpu",
    level: LEVEL,
  });
  const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  if (bytes > MOST_BYTES) {
    throw new Error(`Cannot pack ${path}: expected at most ${MOST_BYTES / 2 ** 20} MiB, got ${size}`);
  }
  progress.line(`${path}: ${size}, packed in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  return path;
}

async function runUnpacked(
  tree: string,
  { asked, work, run, progress }: {
    asked: GpuArguments;
    work: string;
    run: GpuOptions["run"];
    progress: Progress;
  },
): Promise<number> {
  const { only, out, rehearse } = asked;
  const command = [
    "sh",
    `${tree}/gpu.sh`,
    ...only === undefined ? [] : [`--only=${only}`],
    ...out === undefined ? [] : [`--out=${resolve(out)}`],
    ...rehearse ? ["--rehearse"] : [],
  ];
  if (!rehearse) return await run(command, {});
  const { before, env, note } = await rehearsal(work);
  progress.line(note);
  return await run([...before, ...command], { env, clearEnv: true });
}
