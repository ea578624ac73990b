/**
 * fedx: hospitals train one chest-radiograph model together; no film leaves any of them.
 *
 * As a program: `fedx --help`. As a library: the parts below, in the order in which a federation needs them. The
 * examples are one program: each goes on with the files of those before it, and a test runs them all.
 *
 * @module
 */

/**
 * **Films → shard.** A shard is one hospital's films, decoded once. Drawn films stand for a hospital's own here: a
 * folder of PNG files and a table of labels.
 *
 * ```ts
 * import { HOSPITALS, prepareShard, writePhantoms } from "@fedx/fedx";
 *
 * const counts = { train: 48, val: 12, test: 12 };
 * for (const name of ["a", "b"] as const) {
 *   const films = `films-${name}`;
 *   await writePhantoms(films, { hospital: HOSPITALS[name], size: 32, ...counts, random: Math.random });
 *   const { images, patients, quarantined } = await prepareShard({
 *     images: `${films}/images`,
 *     labels: `${films}/labels.csv`,
 *     size: 32,
 *     out: `shard-${name}`,
 *     site: "site",
 *   });
 *   console.log(`${name}: ${images} films of ${patients} patients`, quarantined);
 * }
 * ```
 */
export { type PrepareOptions, type PrepareResult, prepareShard } from "./src/data/prepare.ts";
export { type ForgetOptions, forgetPatients, type ForgetResult } from "./src/data/forget.ts";
export type { LabelCount } from "./src/data/vocabulary.ts";
export { Shard, type Split } from "./src/data/shard.ts";
export { openShards, type Pool, poolOf } from "./src/data/pool.ts";
export { HOSPITALS } from "./src/data/phantom/phantom.ts";
export { writePhantoms } from "./src/data/phantom/files.ts";

/**
 * **A federation.** The aggregator and each silo run where they belong, in processes of their own; for the example they
 * share one. Certificates say who is who, the proposal says everything about the training, and each silo's `accept`
 * says what its operator lets a proposal ask for.
 *
 * ```ts
 * import * as fedx from "@fedx/fedx";
 *
 * await fedx.initCa("ca");
 * await fedx.issue({ name: "hub", role: "aggregator", ca: "ca", out: "tls-hub" });
 * for (const name of ["a", "b"]) {
 *   await fedx.issue({ name, role: "silo", ca: "ca", out: `tls-${name}` });
 * }
 *
 * const layout = fedx.layoutOf("efficientnet_b0", { channels: 1 });
 * const start = await fedx.initialWeights(layout, { init: "random", seed: 1 });
 * const settings = fedx.settingsOf({
 *   ...{ network: "efficientnet_b0", size: 32, recipe: "default", batch: 8, seed: 1, channels: 1 },
 *   silos: ["a", "b"],
 *   rounds: 1,
 * });
 * const proposal = fedx.proposalOf(settings, start);
 *
 * const listening = Promise.withResolvers<number>();
 * const aggregator = fedx.runAggregator({
 *   proposal,
 *   start: start.vector,
 *   listen: { host: "127.0.0.1", port: 0 },
 *   tls: "tls-hub",
 *   state: "state-hub",
 *   onEvent: (event) => event.type === "listening" && listening.resolve(event.port),
 * });
 * const port = await Promise.race([listening.promise, aggregator.then(() => 0)]);
 * const silos = ["a", "b"].map(async (silo) => {
 *   const shard = await fedx.Shard.open(`shard-${silo}`);
 *   return await fedx.runSilo({
 *     silo,
 *     server: `https://127.0.0.1:${port}`,
 *     tls: `tls-${silo}`,
 *     state: `state-${silo}`,
 *     accept: { minTrainPatients: 20 },
 *     trainer: (proposal, { number }) =>
 *       fedx.EngineTrainer.create(proposal, { shards: [shard], silo: number, device: "cpu", threads: 1 }),
 *   });
 * });
 * const [result, a] = await Promise.all([aggregator, ...silos]);
 * console.log(result.rounds, result.model, result.sha256 === a.sha256);
 * ```
 */
export { type AggregatorOptions, runAggregator } from "./src/fed/aggregator/aggregator.ts";
export { runSilo, type SiloOptions } from "./src/fed/silo/silo.ts";
export type { Limits } from "./src/fed/silo/limits.ts";
export { EngineTrainer } from "./src/fed/training/engine_trainer.ts";
export type { Trainer } from "./src/fed/training/trainer.ts";
export type { AggregatorResult, LocalResult, SiloResult } from "./src/fed/training/result.ts";
export type { FedEvent } from "./src/fed/protocol/event.ts";
export { ProtocolError } from "./src/fed/protocol/errors.ts";
export type { Proposal } from "./src/fed/protocol/messages.ts";
export { initCa, issue } from "./src/fed/pki/ca.ts";
export { proposalOf, settingsOf } from "./src/cli/options/proposal.ts";
export { initialWeights } from "./src/model/weights/initial.ts";
export { preset, type Recipe } from "./src/model/recipe.ts";

/**
 * **The same training without federation:** one hospital alone, or several shards pooled on one machine, which
 * the recipe counts as one hospital.
 *
 * ```ts
 * import * as fedx from "@fedx/fedx";
 *
 * const shards = await fedx.openShards(["shard-a", "shard-b"]);
 * const layout = fedx.layoutOf("efficientnet_b0", { channels: 1 });
 * const start = await fedx.initialWeights(layout, { init: "random", seed: 1 });
 * const settings = fedx.settingsOf({
 *   ...{ network: "efficientnet_b0", size: 32, recipe: "default", batch: 16, seed: 1, channels: 1 },
 *   silos: ["a", "b"],
 *   rounds: 1,
 * }, { hospitals: 1 });
 * const proposal = fedx.proposalOf(settings, start);
 * using trainer = await fedx.EngineTrainer.create(proposal, { shards, device: "cpu" });
 * const out = "pooled.safetensors";
 * const { test } = await fedx.runLocal({ trainer, proposal, start: start.vector, out });
 * console.log(test.stratified, test.silos);
 * ```
 */
export { type LocalOptions, runLocal } from "./src/fed/training/local.ts";

/**
 * **Scoring films with a model.** `Engine` is libtorch's; `TfjsPredictor` promises the same without libtorch.
 *
 * ```ts
 * import { Engine, evaluate, loadModel, LoadedPool, openShards, poolOf, predict, TfjsPredictor } from "@fedx/fedx";
 *
 * const model = await loadModel("pooled.safetensors");
 * using engine = await Engine.open(model, { device: "cpu" });
 *
 * // All test films of a shard, positive by the rule that the model was trained by, and what the model is worth on them.
 * const pool = poolOf(await openShards(["shard-a"]), model.metadata);
 * using loaded = await LoadedPool.load(engine, pool);
 * const predictions = await loaded.predict(engine, pool.rows.test);
 * const { auroc, ci95 } = evaluate(predictions);
 * console.log(predictions.logits, auroc, ci95);
 *
 * // Two films from elsewhere: (n, size, size) grey values.
 * const pixels = new Uint8Array(2 * 32 * 32).fill(128);
 * using tfjs = await TfjsPredictor.create(model);
 * console.log(await predict(engine, pixels), await predict(tfjs, pixels));
 * ```
 */
export { type Films, LoadedPool, type Model, predict, type Predictor } from "./src/model/predictor.ts";
export type { Predictions } from "./src/model/predictions.ts";
export { digest } from "./src/files/digest.ts";
export { loadModel, type ModelMetadata, preprocessingOf, saveModel } from "./src/model/weights/model_file.ts";
export { TfjsPredictor } from "./src/model/tfjs/predictor.ts";
export { evaluate, type Evaluation } from "./src/model/metrics/evaluation.ts";
export {
  auroc,
  bootstrap,
  operatingPoint,
  rocCurve,
  siteOnly,
  stratified,
} from "./src/model/metrics/metrics.ts";

/**
 * **The training engine itself:** a network with its optimizer, and films in its memory.
 *
 * ```ts
 * import { Engine, findLibraries, preprocessingOf, preset } from "@fedx/fedx";
 *
 * const recipe = preset("default", { batch: 4 });
 * using engine = await Engine.create({
 *   network: "efficientnet_b0",
 *   channels: 1,
 *   size: 32,
 *   preprocessing: preprocessingOf(1),
 *   recipe,
 *   classWeights: [1, 1],
 *   device: "cpu",
 *   precision: "auto",
 *   threads: 1,
 *   seed: 1,
 *   silo: 0,
 * }, await findLibraries());
 * using films = await engine.films(4);
 * await films.put(0, Uint8Array.from({ length: 4 * 32 * 32 }, (_, i) => i % 251));
 * films.labels(0, Uint8Array.of(0, 1, 0, 1));
 * const { losses } = await engine.train(films, {
 *   firstStep: 0,
 *   lr: Float32Array.of(1, 1),
 *   clip: Float32Array.of(3, 3),
 *   indices: Uint32Array.of(0, 1, 2, 3, 3, 2, 1, 0),
 * });
 * console.log(losses, await engine.predict(films, Uint32Array.of(0, 1)));
 * ```
 */
export { Engine, type EngineConfig } from "./src/model/engine.ts";
export { DataSet } from "./src/model/data_set.ts";
export { findLibraries, type Libraries } from "./src/model/libraries.ts";
export { type Layout, layoutOf, type Tensor } from "./src/model/layout.ts";
export type { NetworkName } from "./src/model/networks/networks.ts";

/** The command line: `await main(Deno.args)` gives the exit code. The program starts there, not here. */
export { main } from "./src/cli/main.ts";

import { main } from "./src/cli/main.ts";

if (import.meta.main) await main(Deno.args, { leave: Deno.exit });
