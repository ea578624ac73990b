/**
 * `--engine`, `--device` and `--threads` as what scores films.
 *
 * Why here: what scores is the operator's choice, and whoever lacks libtorch must hear of the other engine.
 */
import { Engine, NativeError } from "../../model/engine.ts";
import { findLibraries } from "../../model/libraries.ts";
import type { Model, Predictor } from "../../model/predictor.ts";
import { TfjsPredictor } from "../../model/tfjs/predictor.ts";
import { UsageError } from "./parse.ts";

/** The options that choose what scores; texts as the command table admits them. */
export interface EngineChoice {
  engine: string;
  device: string;
  threads: number | undefined;
}

/**
 * Opens the engine that the options name, with a model's weights.
 *
 * @throws {UsageError} when tfjs is to use a GPU or several threads
 * @throws {Error} naming `--engine tfjs` when libtorch cannot be found or opened
 */
export async function openPredictor(model: Model, choice: EngineChoice): Promise<Predictor> {
  if (choice.engine === "tfjs") {
    refuseFor(choice, { device: choice.device === "cuda", threads: (choice.threads ?? 1) > 1 });
    return await TfjsPredictor.create(model);
  }
  const libraries = await findLibraries().catch(nameTfjs);
  return await Engine.open(model, {
    libraries,
    device: choice.device as "auto" | "cpu" | "cuda",
    threads: choice.threads,
  }).catch((error) => {
    if (error instanceof NativeError && error.op === "dlopen") nameTfjs(error);
    throw error;
  });
}

function refuseFor(choice: EngineChoice, asked: { device: boolean; threads: boolean }): void {
  for (const option of ["device", "threads"] as const) {
    if (!asked[option]) continue;
    throw new UsageError(
      `Cannot use --${option} ${choice[option]} with --engine tfjs: expected the one CPU thread that tfjs ` +
        `computes on; leave --${option} out.`,
    );
  }
}

function nameTfjs(cause: Error): never {
  const reason = cause.message.trim().replace(/\.$/, "");
  throw new Error(`${reason}; or score without libtorch: --engine tfjs.`, { cause });
}
