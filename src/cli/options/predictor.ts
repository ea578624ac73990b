/**
 * `--engine`, `--device` and `--threads` as what scores films.
 *
 * Why here: what scores is the operator's choice, and whoever lacks libtorch must hear of the other engine.
 */
import { Engine, NativeError } from "../../model/engine.ts";
import { findLibraries } from "../../model/libraries.ts";
import type { Model, Predictor } from "../../model/predictor.ts";
import { TfjsPredictor } from "../../model/tfjs/predictor.ts";
import { loadModel, UNCHECKED } from "../../model/weights/model_file.ts";
import { isRefusal, refusal } from "../../refusal.ts";
import type { Output } from "../output/output.ts";
import type { OptionValues } from "./option.ts";
import type { SCORING } from "./table/engine.ts";
import { UsageError } from "./usage_error.ts";

/** The options that choose what scores. */
export type EngineChoice = OptionValues<typeof SCORING>;

/** Loads a model file; of one that carries no digest a line says so. */
export async function loadModelOf(path: string, output: Output): Promise<Model> {
  const model = await loadModel(path);
  if (!model.checked) output.line(`warning: ${path} ${UNCHECKED}`);
  return model;
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
  const { device, threads } = choice;
  return await Engine.open(model, { libraries, device, threads }).catch((error) => {
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

/** Passes a refusal on with the second way beside its own remedy. */
function nameTfjs(cause: Error): never {
  if (!isRefusal(cause)) throw cause;
  const { what, expected, got, remedy } = cause;
  const either = `${remedy}; or score without libtorch: --engine tfjs`;
  throw refusal(Error, { what, expected, got, remedy: either }, { cause });
}
