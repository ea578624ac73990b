/** The finding names of NIH ChestX-ray14 and their bits in a shard's `labels.u16` (Wang et al., CVPR 2017). */

import { spelling } from "../spelling.ts";

/** The 14 findings in fixed order: entry i is bit i of a label. */
export const FINDINGS = [
  "Atelectasis",
  "Cardiomegaly",
  "Effusion",
  "Infiltration",
  "Mass",
  "Nodule",
  "Pneumonia",
  "Pneumothorax",
  "Consolidation",
  "Edema",
  "Emphysema",
  "Fibrosis",
  "Pleural_Thickening",
  "Hernia",
] as const;

/** The label text of a film without findings; its bits are 0. */
export const NO_FINDING = "No Finding";

/** The bit of any finding that is not one of {@linkcode FINDINGS}; the manifest lists the names behind it. */
const OTHER_BIT = 14;

/** The label of a film that has other findings alone. */
export const OTHER = 1 << OTHER_BIT;

/** Every legal label is below this. */
export const LABEL_LIMIT = 1 << (OTHER_BIT + 1);

/** What other published tables call the same finding. */
const SYNONYMS: Record<string, typeof FINDINGS[number]> = {
  "Pleural Effusion": "Effusion",
  "Infiltrates": "Infiltration",
  "Pulmonary Edema": "Edema",
  "Pulmonary Fibrosis": "Fibrosis",
};

const BITS = new Map<string, number>([
  ...FINDINGS.map((name, bit) => [spelling(name), bit] as const),
  ...Object.entries(SYNONYMS).map(([word, name]) => [spelling(word), FINDINGS.indexOf(name)] as const),
]);

/** NIH's name for it in NIH's spelling; undefined for what NIH has no name for. */
export function nihName(name: string): string | undefined {
  return isNoFinding(name) ? NO_FINDING : FINDINGS[BITS.get(spelling(name)) ?? FINDINGS.length];
}

/** The name by which shards store a finding: NIH's where there is one, so that a rule finds it under any of its names. */
export function storedName(name: string): string {
  return nihName(name) ?? name;
}

/** True for the text by which NIH says that there is nothing to find. */
export function isNoFinding(name: string): boolean {
  return spelling(name) === spelling(NO_FINDING);
}

/** The u16 label of a film's findings; a name that is not NIH's sets bit 14. An empty list is No Finding, 0. */
export function labelBits(findings: readonly string[]): number {
  return findings.reduce((bits, name) => bits | 1 << (BITS.get(spelling(name)) ?? OTHER_BIT), 0);
}
