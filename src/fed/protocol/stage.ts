/**
 * How far a run has come, as one word. A silo sends the word that it has seen with its next `GET /v1/run`, and the
 * aggregator answers when the run has moved on from there.
 */
import type { RunView } from "./messages.ts";

/** The word for this view, as a silo passes it in `seen`. */
export function stageOf(view: Pick<RunView, "state" | "round" | "selected" | "roster">): string {
  const { state, round, selected, roster } = view;
  return `${state}.${round}.${selected === null ? 0 : 1}${roster === null ? "" : ".roster"}`;
}
