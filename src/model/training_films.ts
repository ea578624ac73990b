import type { Pool } from "../data/pool.ts";
import type { Libraries } from "../shim/library.ts";
import { DataSet } from "./data_set.ts";
import { LoadedPool } from "./predictor.ts";

/** Copies a pool's films in with their labels, for every engine of these libraries to train on and to score. */
export async function loadTrainingFilms(libraries: Libraries, pool: Pool): Promise<LoadedPool<DataSet>> {
  const { size, kernel } = pool;
  const loaded = await LoadedPool.load(
    { size, kernel, films: (n) => DataSet.create(libraries, { n, size }) },
    pool,
  );
  loaded.films.labels(0, pool.labels);
  return loaded;
}
