/**
 * The conductor of `task gpu`, as the archive carries it: gpu.sh runs it with the runtime that ./fedx has unpacked, and it runs
 * the stages with that runtime and this machine's Python.
 */
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readTextIfThere } from "../../src/files/exists.ts";
import { VERSION } from "../../src/version.ts";
import { Progress } from "../progress.ts";
import { conduct, type ConductOptions } from "./conductor.ts";
import { type GpuArguments, parseArguments } from "./arguments.ts";
import { type Results, shortfall } from "./results.ts";
import { chosen, STAGES } from "./stages.ts";
import { tell } from "./telling.ts";
import { findTorch, shimOf } from "./torch.ts";

/** Exit status by the signal that ended it, as shells have it. */
const STOPPED = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** How Deno runs what the archive carries: from the archive alone. */
const OFFLINE = [
  "--quiet",
  "--no-config",
  "--no-lock",
  "--cached-only",
  "--no-remote",
  "--no-npm",
  "--allow-all",
];

/** Stages take minutes: without a terminal a line now and then suffices, ms. */
const QUIET_MS = 15_000;

/** Runs the stages; returns the exit status. @param root the folder of the archive */
export async function main(
  words: readonly string[],
  root: string,
  progress = new Progress(undefined, QUIET_MS),
): Promise<number> {
  let options: ConductOptions, stopped = 0;
  const stop = new AbortController();
  try {
    options = await prepare(parseArguments(words), { root, stop: stop.signal, progress });
  } catch (error) {
    progress.line(error instanceof Error ? error.message : String(error));
    return error instanceof TypeError ? 2 : 1;
  }
  for (const [signal, status] of Object.entries(STOPPED)) {
    Deno.addSignalListener(signal as keyof typeof STOPPED, () => {
      stopped ||= status;
      stop.abort();
    });
  }
  const results = await conduct(options);
  progress.line(lastLine(results, options.out));
  return stopped || (shortfall(results) === null ? 0 : 1);
}

/** What a run ends with: where the results are, and which stages are missing in them. */
export function lastLine(results: Results, out: string): string {
  const missing = shortfall(results);
  return missing === null ? `every stage reported: ${out}/gpu.txt` : `${missing} (${out}/gpu.txt says why)`;
}

async function prepare(
  { only, rehearse, out }: GpuArguments,
  { root, stop, progress }: { root: string; stop: AbortSignal; progress: Progress },
): Promise<ConductOptions> {
  const which = chosen(only); // before anything is looked for
  const torch = await findTorch().catch((error) => {
    progress.line(error.message); // the first stage says it once more, and what else it found
    return null;
  });
  const runtime = Deno.execPath(), python = torch?.python ?? "python3";
  const shim = torch === null ? "" : shimOf(torch, root);
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  return {
    stages: STAGES,
    chosen: which,
    root,
    out: resolve(out ?? `fedx-gpu-${time}`),
    commands: {
      script: [runtime, "run", ...OFFLINE],
      tests: [runtime, "test", "--no-check", ...OFFLINE],
      python: [python],
    },
    env: {
      FEDX_PYTHON: python,
      FEDX_EXE: `${root}/fedx`,
      PYTHONFAULTHANDLER: "1",
      PYTHONUNBUFFERED: "1",
      NO_COLOR: "1",
      ...torch === null ? {} : { FEDX_LIBTORCH: torch.libtorch, FEDX_SHIM: shim },
      ...rehearse ? { CUDA_VISIBLE_DEVICES: "" } : {},
    },
    device: rehearse ? "cpu" : "cuda",
    about: { fedx: VERSION, commit: (await readTextIfThere(`${root}/commit`) ?? "unknown").trim() },
    shim,
    stop,
    onEvent: (event) => tell(event, progress),
  };
}

if (import.meta.main) {
  Deno.exit(await main(Deno.args, dirname(dirname(fileURLToPath(import.meta.url)))));
}
