/**
 * How fast the demo's hospitals are on this machine: a few steps of the real engine that are thrown away.
 *
 * Why three engines at once: the hospitals share the machine's cores, so that a step of one takes as long as the others
 * make it.
 */
import { Shard } from "../../../data/shard.ts";
import { EngineTrainer, type EngineTrainerOptions } from "../../../fed/training/engine_trainer.ts";
import { findLibraries } from "../../../model/libraries.ts";
import { estimateRound, USUAL } from "../doctor/round.ts";
import type { DemoHospitals } from "./hospitals.ts";

/** Seconds of what the demo does over and over. */
export interface Pace {
  /** A pass over the training films with one scoring of `val`, all hospitals at once. */
  pass: number;
  /** From a hospital's start to its first step. */
  start: number;
}

/**
 * Measures the slowest hospital's pass while all of them train.
 *
 * @param create makes a hospital's engine; tests have others
 * @throws what `options.signal` was aborted with
 */
export async function measurePace(
  { shards }: Pick<DemoHospitals, "shards">,
  options: Pick<EngineTrainerOptions, "device" | "threads" | "deterministic"> & { signal: AbortSignal },
  create: (...of: Parameters<typeof EngineTrainer.create>) => Promise<Measurable> = EngineTrainer.create,
): Promise<Pace> {
  const began = performance.now();
  const { signal, ...computing } = options;
  const libraries = await findLibraries();
  using engines = new DisposableStack();
  const hospitals: { shard: Shard; trainer: Measurable }[] = [];
  for (const dir of Object.values(shards)) {
    signal.throwIfAborted();
    const shard = await Shard.open(dir);
    const trainer = engines.use(await create(USUAL, { shards: [shard], libraries, ...computing }));
    hospitals.push({ shard, trainer });
  }
  const passes = await Promise.all(
    hospitals.map(async ({ shard, trainer }) => secondsOfPass(shard, await trainer.stepsPerSecond())),
  );
  signal.throwIfAborted();
  return { pass: Math.max(...passes), start: (performance.now() - began) / 1000 };
}

/** What of a trainer is needed here. */
type Measurable = Pick<EngineTrainer, "stepsPerSecond"> & Disposable;

function secondsOfPass({ manifest: { counts } }: Shard, stepsPerSecond: number): number {
  const films = {
    train: counts.train.images,
    val: counts.val.images,
    batch: USUAL.recipe.batch,
    localEpochs: 1,
  };
  const { train, score } = estimateRound({ ...films, stepsPerSecond, vector: 0, bandwidth: null });
  return train + score;
}
