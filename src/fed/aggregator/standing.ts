/** Where a silo stands: what it says it is doing, unless the aggregator knows better. */
import type { Standing } from "../protocol/event.ts";
import { hasPart } from "./part.ts";
import type { Run } from "./run.ts";

/** Where a silo that joined stands. */
export function standingOf({ state, attendance }: Run, silo: string): Standing {
  const { current, rows, rounds } = state;
  const beat = attendance.lastHeartbeat(silo);
  const plain = (state: Standing["state"]): Standing => ({ state, step: 0, steps: 0 });
  if (attendance.isLost(silo)) return plain("lost");
  if (current !== null && hasPart(state, current.row.round, silo)) return plain("counted");
  const closed = rows[rounds - 1]?.row;
  const missed = closed !== undefined && closed.roster.includes(silo) &&
    !hasPart(state, closed.round, silo);
  if (missed && (beat?.round ?? 0) <= closed.round && beat?.phase !== "waiting") return plain("late");
  if (beat === null) return plain("waiting");
  return beat.phase === "training"
    ? { state: "training", step: beat.step, steps: beat.steps }
    : plain(beat.phase);
}
