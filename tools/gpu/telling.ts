/** What the conductor says while it runs: a line for each stage's begin and end, and between them a bar. */
import type { Progress } from "../progress.ts";
import type { ConductEvent } from "./conductor.ts";

const BAR = 20;

/** Says it on `progress`. */
export function tell(event: ConductEvent, progress: Pick<Progress, "line" | "update">): void {
  if (event.type === "begins") {
    const { stage, limit } = event;
    progress.line(`${stage.name}: ${stage.what}; at most ${limit} s`);
  } else if (event.type === "runs") {
    const { stage, limit, seconds } = event;
    progress.update(`${stage.name} ${bar(seconds / limit)} ${seconds.toFixed(0)} s of at most ${limit} s`);
  } else {
    const { name, status, seconds, reason } = event.result;
    const why = reason === undefined ? "" : `: ${reason}`;
    progress.line(`${name}: ${status}${status === "skipped" ? "" : ` in ${seconds.toFixed(1)} s`}${why}`);
  }
}

/** How much of the time that a stage may take has gone. */
function bar(part: number): string {
  const full = Math.min(BAR, Math.floor(part * BAR));
  return `[${"#".repeat(full)}${"-".repeat(BAR - full)}]`;
}
