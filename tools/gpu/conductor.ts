/**
 * Runs stages one after the other, each alone on the machine, and writes the results anew after each: what one of them does,
 * or fails to do, takes nothing away from the others.
 */
import { exists, readTextIfThere, removeIfThere } from "../../src/files/exists.ts";
import { writeDurably } from "../../src/files/durable.ts";
import { type Figure, FIGURES, parseFigures } from "./figures.ts";
import { type Ended, runInGroup } from "./group.ts";
import { brokenBounds, NOT_ASKED, type Results, resultsJson, type StageResult } from "./results.ts";
import { FIRST, type Stage } from "./stages.ts";
import { resultsText } from "./text.ts";

/** What to run, with what, and where to. */
export interface ConductOptions {
  stages: readonly Stage[];
  /** Those of them that run. */
  chosen: readonly Stage[];
  /** The folder of the archive. */
  root: string;
  /** Folder for the results; made where it is not there. */
  out: string;
  /** The words before a stage's program, by its kind. */
  commands: Record<Stage["kind"], readonly string[]>;
  /** Variables of every stage. */
  env: Record<string, string>;
  device: Results["device"];
  about: Pick<Results, "fedx" | "commit">;
  /** The built engine; without it nothing but the first stage can run. */
  shim: string;
  /** What all of them may take together, s: what one leaves of its own limit, those behind it may use. @default 0 */
  seconds?: number;
  stop: AbortSignal;
  onEvent: (event: ConductEvent) => void;
}

/** What is told while it runs. */
export type ConductEvent =
  | { type: "begins"; stage: Stage; limit: number }
  | { type: "runs"; stage: Stage; limit: number; seconds: number }
  | { type: "ended"; result: StageResult };

/** How often a running stage is told of, ms. */
const TICK = 1000;

/** Runs them all; the results are also in `out`. */
export async function conduct(options: ConductOptions): Promise<Results> {
  const { stages, chosen, out } = options, began = performance.now();
  await Deno.mkdir(out, { recursive: true });
  const results: Results = {
    ...options.about,
    device: options.device,
    began: `${new Date().toISOString().slice(0, 19)}Z`,
    stages: stages.map((stage) => notRun(stage, options, chosen.includes(stage) ? "not yet run" : NOT_ASKED)),
  };
  await write(results, out);
  for (const [at, stage] of stages.entries()) {
    if (!chosen.includes(stage)) continue;
    results.stages[at] = await runStage(stage, options, timeOf(stage, options, began));
    options.onEvent({ type: "ended", result: results.stages[at] });
    await write(results, out);
  }
  return results;
}

async function write(results: Results, out: string): Promise<void> {
  const mode = 0o644;
  await writeDurably(`${out}/gpu.json`, resultsJson(results), { mode });
  await writeDurably(`${out}/gpu.txt`, resultsText(results), { mode });
}

/** How long a stage may take. */
interface Time {
  /** Seconds after which it is killed. */
  limit: number;
  /** Seconds that it may plan with: it leaves the others theirs. */
  plan: number;
}

/** Its own limit, and what those before it and those that do not run have left over; no other stage's limit is touched. */
export function timeOf(stage: Stage, options: ConductOptions, began: number): Time {
  const { chosen, seconds = 0 } = options, own = limitOf(stage, options);
  const sum = (stages: readonly Stage[]) => stages.reduce((all, one) => all + limitOf(one, options), 0);
  const left = seconds - (performance.now() - began) / 1000;
  const limit = Math.max(own, Math.floor(left - sum(chosen.slice(chosen.indexOf(stage) + 1))));
  return { limit, plan: Math.min(limit, Math.max(own, seconds - sum(chosen) + own)) };
}

async function runStage(stage: Stage, options: ConductOptions, time: Time): Promise<StageResult> {
  const { root, shim, stop } = options;
  if (stop.aborted) return notRun(stage, options, "stopped before it");
  const program = `${root}/${stage.program}`;
  if (!await exists(program)) {
    const reason = `expected ${stage.program} in the archive, got none`;
    return { ...notRun(stage, options, reason), status: "failed" };
  }
  if (stage.name !== FIRST && !await exists(shim)) return notRun(stage, options, "the engine was not built");
  const paths = { log: `${options.out}/${stage.name}.log`, figures: `${options.out}/${stage.name}.figures` };
  await removeIfThere(paths.figures);
  const { limit } = time;
  const ended = await runProgram(stage, options, { ...paths, ...time, program });
  const figures = parseFigures(await readTextIfThere(paths.figures) ?? "");
  const { log } = paths;
  const { status, reason } = judge(ended, {
    figures,
    limit,
    log: await lastLine(log),
  });
  await removeIfThere(paths.figures);
  const seconds = Math.round(ended.seconds * 10) / 10;
  return { name: stage.name, status, seconds, limit, reason, figures };
}

/** Runs it in an empty folder, which is removed afterwards with all that it left there. */
async function runProgram(
  stage: Stage,
  options: ConductOptions,
  { program, log, figures, limit, plan }: { program: string; log: string; figures: string } & Time,
): Promise<Ended> {
  const began = performance.now();
  options.onEvent({ type: "begins", stage, limit });
  const tick = setInterval(() => {
    options.onEvent({ type: "runs", stage, limit, seconds: (performance.now() - began) / 1000 });
  }, TICK);
  const cwd = await Deno.makeTempDir({ prefix: `fedx-gpu-${stage.name}-` });
  try {
    const own = { FEDX_GPU_DEVICE: options.device, FEDX_GPU_SECONDS: String(plan), [FIGURES]: figures };
    const env = { ...options.env, ...own, TMPDIR: cwd };
    const command = [...options.commands[stage.kind], program];
    return await runInGroup(command, { cwd, env, log, mark: FIGURES, seconds: limit, stop: options.stop });
  } finally {
    clearInterval(tick);
    await Deno.remove(cwd, { recursive: true }).catch(() => {}); // what cannot be removed must not cost the results
  }
}

/** What became of a stage, from how its program ended and what it had written. */
export function judge(
  { how, code }: Ended,
  { figures, limit, log }: { figures: readonly Figure[]; limit: number; log: string },
): Pick<StageResult, "status" | "reason"> {
  const said = log === "" ? "" : `; its log ends with: ${log}`;
  if (how === "stopped") return { status: "failed", reason: "stopped by a signal" };
  if (how === "timed out") return { status: "timed out", reason: `killed after its ${limit} s${said}` };
  const broken = brokenBounds(figures);
  if (broken !== null) return { status: "failed", reason: broken };
  if (code !== 0) return { status: "failed", reason: `exit status ${code}${said}` };
  if (figures.length === 0) return { status: "failed", reason: `it ended without a figure${said}` };
  return { status: "done" };
}

function notRun(stage: Stage, options: ConductOptions, reason: string): StageResult {
  const limit = limitOf(stage, options);
  return { name: stage.name, status: "skipped", seconds: 0, limit, reason, figures: [] };
}

function limitOf({ limit }: Stage, { device }: ConductOptions): number {
  return device === "cuda" ? limit.gpu : limit.rehearsal;
}

/** The last line of a log that says something, without colours, cut to a length that a table takes. */
async function lastLine(path: string): Promise<string> {
  const text = await readTextIfThere(path) ?? "";
  // deno-lint-ignore no-control-regex -- colours begin with an escape
  const lines = text.slice(-4000).replaceAll(/\x1b\[[0-9;]*m/g, "").split(/[\r\n]+/);
  return (lines.findLast((line) => line.trim() !== "") ?? "").trim().slice(0, 300);
}
