/** The finding names of NIH ChestX-ray14 and their bits in a shard's `labels.u16` (Wang et al., CVPR 2017). */

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

/** Every legal label is below this. */
export const LABEL_LIMIT = 1 << (OTHER_BIT + 1);

const BITS = new Map<string, number>(FINDINGS.map((name, bit) => [spelling(name), bit]));

/** Case, blanks and underscores do not distinguish findings: "Pleural Thickening" is "Pleural_Thickening". */
function spelling(name: string): string {
  return name.trim().toLowerCase().replaceAll(/[\s_]+/g, "_");
}

/** True for the text that says there is nothing to find. */
export function isNoFinding(name: string): boolean {
  return spelling(name) === spelling(NO_FINDING);
}

/** The u16 label of a film's findings, and which of them are unknown. An empty list is No Finding, 0. */
export function labelBits(findings: readonly string[]): { bits: number; unknown: string[] } {
  let bits = 0;
  const unknown: string[] = [];
  for (const name of findings) {
    const bit = BITS.get(spelling(name));
    if (bit === undefined) unknown.push(name.trim());
    bits |= 1 << (bit ?? OTHER_BIT);
  }
  return { bits, unknown };
}
