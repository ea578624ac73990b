import type { Pool } from "../data/pool.ts";

/** What a network says of some films, with what is needed to judge it. It never leaves the hospital. */
export interface Predictions {
  /** (n) f32. */
  logits: Float32Array;
  /** (n) u8, each 0 or 1. */
  labels: Uint8Array;
  /** (n) u32. */
  patients: Uint32Array;
  /** (n) u32: which of several shards a film is from; absent for one shard. */
  strata?: Uint32Array;
}

/** What is known of some films but their pixels. rows: (n); each column (n) */
export function columnsAt(
  { labels, patients, strata }: Pick<Pool, "labels" | "patients" | "strata">,
  rows: Uint32Array,
): Omit<Predictions, "logits"> {
  return {
    labels: Uint8Array.from(rows, (row) => labels[row]),
    patients: Uint32Array.from(rows, (row) => patients[row]),
    ...strata && { strata: Uint32Array.from(rows, (row) => strata[row]) },
  };
}

/** The predictions of several shards as one set, each shard a stratum of its own. */
export function joined(parts: readonly Predictions[]): Required<Predictions> {
  const all = (pick: (part: Predictions) => ArrayLike<number>) =>
    parts.flatMap((part) => Array.from(pick(part)));
  return {
    logits: Float32Array.from(all((part) => part.logits)),
    labels: Uint8Array.from(all((part) => part.labels)),
    patients: Uint32Array.from(all((part) => part.patients)),
    strata: Uint32Array.from(parts.flatMap(({ labels }, index) => Array(labels.length).fill(index))),
  };
}

/** Takes pooled predictions apart again: one set for each of `count` shards, in their order. */
export function byStratum(pooled: Predictions, count: number): Predictions[] {
  const { strata } = pooled;
  if (strata === undefined) return [pooled];
  return Array.from({ length: count }, (_, stratum) => {
    const keep = (_: number, i: number) => strata[i] === stratum;
    return {
      logits: pooled.logits.filter(keep),
      labels: pooled.labels.filter(keep),
      patients: pooled.patients.filter(keep),
    };
  });
}
