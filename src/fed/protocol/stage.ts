/** How far a run has come, in one word: who has seen it asks to be told when it changes. */
import type { RunView } from "./messages.ts";

/** What a silo that has seen this view passes as `seen`, to be answered only when it changes. */
export function stageOf(view: Pick<RunView, "state" | "round" | "selected">): string {
  return `${view.state}.${view.round}.${view.selected === null ? 0 : 1}`;
}
