// Why: trainings do not wait for each other, so as many run at once as the cores have room for.
import type { DataSet } from "../../../model/data_set.ts";
import { layoutOf } from "../../../model/layout.ts";
import { cores, type Libraries } from "../../../model/libraries.ts";
import { areaOf } from "../../../model/metrics/runs.ts";
import type { Predictions } from "../../../model/predictions.ts";
import type { LoadedPool } from "../../../model/predictor.ts";
import { loadTrainingFilms } from "../../../model/training_films.ts";
import { initialWeights } from "../../../model/weights/initial.ts";
import type { Pool } from "../../../data/pool.ts";
import { play } from "../../../fed/training/in_process.ts";
import { measure, type Speed } from "../networks/speed.ts";
import { dealOf } from "./deal.ts";
import { keyOf, recipeOf, type Training } from "./plan.ts";
import type { Point, Row } from "./rows.ts";

/** What every training of a comparison shares. */
export interface Work {
  /** The films of each size. */
  pools: ReadonlyMap<number, Pool>;
  /** Digest of all shards. */
  films: string;
  hospitals: number;
  folds?: number;
  /** Seconds of a training, where they decide how many passes it makes. */
  budget?: number;
  device: "auto" | "cpu" | "cuda";
  threads: number;
  libraries: Libraries;
  /** In words. */
  machine: string;
  signal?: AbortSignal;
}

/** A training with the passes that it makes, and the seconds that it takes of one core's thread here. */
export interface Costed {
  training: Training;
  passes: number;
  seconds: number;
}

/** How many trainings run at once: a GPU has one. */
export function sideBySide({ device, threads }: Pick<Work, "device" | "threads">): number {
  return device === "cpu" ? Math.max(1, Math.floor(cores() / threads)) : 1;
}

/**
 * How long trainings take, by steps that are timed while as many others run. Passes that a way has made already in
 * `rows` are kept, so that a comparison that goes on compares like with like.
 */
export async function costsOf(
  trainings: readonly Training[],
  work: Work,
  rows: Iterable<Row>,
): Promise<Costed[]> {
  const speeds = new Map<string, Speed>();
  const known = [...rows];
  const costed: Costed[] = [];
  for (const training of trainings) {
    work.signal?.throwIfAborted();
    const { network, size } = training;
    const { batch } = recipeOf(training, work.hospitals);
    const name = `${network} ${size} ${batch}`;
    const at = speeds.get(name) ?? (await Promise.all(
      Array.from({ length: sideBySide(work) }, () => measure(network, { ...work, size, batch })),
    ))[0];
    speeds.set(name, at);
    const deal = dealOf(work.pools.get(size)!, training, work);
    const films = deal.parties.map(({ length }) => length);
    const passes = training.passes ?? passesBefore(training, known) ??
      Number(Math.max(0.01, work.budget! * at.training / Math.max(...films)).toPrecision(3));
    const all = films.reduce((sum, one) => sum + one, 0);
    const scored = Math.ceil(passes) * deal.val.length + deal.test.length;
    costed.push({ training, passes, seconds: passes * all / at.training + scored / at.scoring });
  }
  return costed;
}

/** The passes of another seed or part of the same way and method. */
function passesBefore(training: Training, rows: readonly Row[]): number | undefined {
  const way = (one: Training) => keyOf({ ...one, seed: 0, fold: undefined });
  return rows.find((row) => way(row.training) === way(training))?.passes;
}

/** Films of every size in memory, once for all trainings. */
export class Films implements Disposable {
  readonly #loaded = new Map<number, Promise<LoadedPool<DataSet>>>();
  readonly #held = new DisposableStack();

  constructor(readonly work: Work) {}

  of(size: number): Promise<LoadedPool<DataSet>> {
    const loaded = this.#loaded.get(size) ?? this.#load(size);
    this.#loaded.set(size, loaded);
    return loaded;
  }

  async #load(size: number): Promise<LoadedPool<DataSet>> {
    const { libraries, pools } = this.work;
    return this.#held.use(await loadTrainingFilms(libraries, pools.get(size)!));
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }
}

/** Makes one training. @param onPasses hears of the passes done */
export async function train(
  { training, passes }: Costed,
  films: Films,
  onPasses: (passes: number) => void,
): Promise<Row> {
  const { work } = films;
  const { network, init, seed, size } = training;
  const started = performance.now();
  const loaded = await films.of(size);
  const { parties, val, test } = dealOf(loaded.pool, training, work);
  const start = await initialWeights(layoutOf(network, { channels: 1 }), { init, seed, size });
  const curve: Point[] = [];
  let logits: number[] = [];
  await play(loaded, {
    network,
    recipe: recipeOf(training, work.hospitals),
    start: start.vector,
    seed,
    passes,
    parties,
  }, {
    ...work,
    onModel: async (made, score) => {
      curve.push({ ...made, auroc: auroc(await score(val)) });
      onPasses(made.passes);
      if (made.passes >= passes) {
        logits = Array.from((await score(test)).logits, (logit) => Number(logit.toPrecision(6)));
      }
    },
  });
  return {
    key: keyOf(training),
    training,
    films: work.films,
    machine: work.machine,
    passes,
    trained: parties.reduce((sum, { length }) => sum + length, 0),
    seconds: (performance.now() - started) / 1000,
    curve,
    logits,
  };
}

/** Stratified, over pairs within a hospital; null without a pair. */
function auroc({ logits, ...films }: Predictions): number | null {
  const area = areaOf({ scores: logits, ...films });
  return Number.isNaN(area) ? null : area;
}
