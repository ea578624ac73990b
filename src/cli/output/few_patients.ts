// Why: a figure about a few patients tells of those few, so a run sends none; who prepares a shard hears it beforehand.
import type { ClassPatients } from "../../data/class_patients.ts";
import { MIN_PER_CLASS } from "../../model/metrics/metrics.ts";
import { plural } from "../../plural.ts";

/** What to do about it. */
export const MORE_PATIENTS = "name more patients for it in a column split, and run `fedx prepare` again";

/** One text for each of val and test that has too few patients for an AUROC, or no film. */
export function fewPatients(patients: ClassPatients): string[] {
  return (["val", "test"] as const).flatMap((split) => {
    const { positives, negatives } = patients[split];
    if (Math.min(positives, negatives) >= MIN_PER_CLASS) return [];
    const found = positives + negatives === 0
      ? "no films"
      : `${plural(positives, "patient")} with a finding, ${negatives} without`;
    return [
      `${split}: ${found}; below ${MIN_PER_CLASS} of either, a run has no ${split} AUROC of this hospital`,
    ];
  });
}
