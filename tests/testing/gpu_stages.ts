/** Stages of `task gpu` that are short scripts of a shell, for tests of what runs them. */
import { conduct, type ConductEvent, type ConductOptions } from "../../tools/gpu/conductor.ts";
import type { Results } from "../../tools/gpu/results.ts";
import type { Stage } from "../../tools/gpu/stages.ts";

/** More than any of them takes, seconds. */
const PLENTY = 300;

/** A line of a script that writes a figure; the shell puts in what `$` stands for. */
export function writes(name: string, more: Record<string, unknown> = {}): string {
  const line = JSON.stringify({ group: "g", name, value: 1, ...more }).replaceAll('"', '\\"');
  return `echo "${line}" >>"$FEDX_GPU_FIGURES"\n`;
}

/** The scripts of stages by name; null is one whose program is missing. */
export type Scripts = Record<string, string | null>;

/** Puts the scripts and a built engine into `root`. */
async function place(root: string, scripts: Scripts): Promise<Stage[]> {
  await Deno.mkdir(`${root}/gpu`, { recursive: true });
  await Deno.writeTextFile(`${root}/libfedx-cpu.so`, "");
  return await Promise.all(
    Object.entries(scripts).map(async ([name, script]) => {
      const program = `gpu/${name}.sh`;
      if (script !== null) await Deno.writeTextFile(`${root}/${program}`, script);
      return {
        name,
        what: name,
        program,
        kind: "script" as const,
        limit: { gpu: PLENTY, rehearsal: PLENTY },
      };
    }),
  );
}

export interface RunOptions {
  /** Seconds of a stage, where it is to be killed. */
  limits?: Record<string, number>;
  only?: readonly string[];
  stop?: AbortSignal;
  onEvent?: (event: ConductEvent) => void;
  changes?: Partial<ConductOptions>;
}

/** Runs them in `root`; the results are below it in `out`. */
export async function conductScripts(
  root: string,
  scripts: Scripts,
  { limits = {}, only, stop = new AbortController().signal, onEvent = () => {}, changes }: RunOptions = {},
): Promise<Results> {
  const stages = (await place(root, scripts)).map((stage) => {
    const seconds = limits[stage.name] ?? PLENTY;
    return { ...stage, limit: { gpu: seconds, rehearsal: seconds } };
  });
  return await conduct({
    ...{
      stages,
      root,
      stop,
      onEvent,
      out: `${root}/out`,
      shim: `${root}/libfedx-cpu.so`,
      device: "cpu",
      env: {},
    },
    chosen: stages.filter(({ name }) => only?.includes(name) ?? true),
    commands: { script: ["sh"], tests: ["sh"], python: ["sh"] },
    about: { fedx: "0.0.0", commit: "c0ffee" },
    ...changes,
  });
}

/** Each stage with how it ended. */
export function statuses({ stages }: Results): string[] {
  return stages.map(({ name, status }) => `${name}: ${status}`);
}
