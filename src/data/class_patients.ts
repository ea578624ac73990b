/** Patients of each class by split: what decides whether a figure may be told of a split. */

import { type ClassColumns, type Split, SPLITS } from "./manifest.ts";

/** Patients with films of a class; one with films of both counts in both. */
export type ClassPatients = Record<Split, { positives: number; negatives: number }>;

/** Counts a shard's patients. */
export function classPatients({ labels, patients, splits }: ClassColumns): ClassPatients {
  const of = (code: number, ill: boolean) => {
    const found = new Set<number>();
    patients.forEach((patient, i) => splits[i] === code && labels[i] > 0 === ill && found.add(patient));
    return found.size;
  };
  return Object.fromEntries(
    SPLITS.map((split, code) => [split, { positives: of(code, true), negatives: of(code, false) }]),
  ) as ClassPatients;
}
