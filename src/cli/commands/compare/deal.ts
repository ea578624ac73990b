// Why: which films a training sees, and which it is judged on, must not depend on what else is compared.
import type { Pool } from "../../../data/pool.ts";
import { permutation } from "../../../model/image_order.ts";
import type { Training } from "./plan.ts";

/** The rows of one training. */
export interface Deal {
  /** By who trains. */
  parties: Uint32Array[];
  /** Scored as it goes. */
  val: Uint32Array;
  /** Scored by the last model. */
  test: Uint32Array;
}

/** The films of a training: those of the shards' own splits, or of a part of the patients the others to train on. */
export function dealOf(
  { count, rows, patients, strata }: Pool,
  training: Training,
  { hospitals, folds }: { hospitals: number; folds?: number },
): Deal {
  const { method, hospital, fold } = training;
  const of = (row: number) => strata?.[row] ?? 0;
  const parties = (train: Uint32Array) => {
    if (method === "pooled") return [train];
    const all = Array.from({ length: hospitals }, (_, place) => train.filter((row) => of(row) === place));
    return method === "federated" ? all : [all[hospital!]];
  };
  if (fold === undefined) return { parties: parties(rows.train), val: rows.val, test: rows.test };
  const number = patients.reduce((most, one) => Math.max(most, one), 0) + 1;
  const mixed = permutation(number, { seed: 0, silo: 0, epoch: 0 });
  const all = Uint32Array.from({ length: count }, (_, row) => row);
  const test = all.filter((row) => mixed[patients[row]] % folds! === fold);
  return { parties: parties(all.filter((row) => mixed[patients[row]] % folds! !== fold)), val: test, test };
}
