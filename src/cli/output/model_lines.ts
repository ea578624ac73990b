import type { Selection } from "../../fed/maths/selection.ts";
import { score } from "./table.ts";

/** Which model was selected, and by what; the figure that it was chosen by is better than it will prove. */
export function selectionText({ round, auroc, reason }: Selection, optimistic = "optimistic"): string {
  const model = round === 0 ? "the start itself" : `model of round ${round}`;
  return `${model} selected (${auroc === null ? reason : `val AUROC ${score(auroc)}, ${optimistic}`})`;
}

/** What is said where the selected model is the start: the selection takes it only where all others were worse. */
export const START_STAYS = "the start itself was selected: no round's model was better on val";

/** What a command's end says of its model: where it lies, and the two digests that people compare. */
export function modelLines(
  { model, sha256, file_sha256 }: { model: string; sha256: string; file_sha256?: string },
): string[] {
  return [
    `model: ${model}`,
    `weights sha256: ${sha256}`,
    ...file_sha256 === undefined ? [] : [`file sha256: ${file_sha256} (as sha256sum prints it)`],
  ];
}
