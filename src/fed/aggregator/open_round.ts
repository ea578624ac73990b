/**
 * The next round's row.
 *
 * Everything a row says is a function of what is committed, except the share of a budget, which is read
 * from the clock once, when the row is written.
 */
import { scaleFor } from "../maths/exact_sum.ts";
import type { StoredRow } from "./stored.ts";
import { planRow } from "../maths/budget.ts";
import { fewSteps } from "../maths/few_steps.ts";
import { isScored } from "../maths/scored_rows.ts";
import { fewest } from "./masked.ts";
import { rosterBefore } from "./roster_before.ts";
import { quorumNow } from "./quorum.ts";
import { recordedRow, type Recording } from "./recording.ts";
import type { Run } from "./run.ts";
import { closingSeconds, courseOf, recentTimings } from "./timing.ts";

/**
 * Opens the next round, or again the one that a killed process left open, and returns its row; null when the run has to
 * close.
 */
export function openRound(run: Run): StoredRow | null {
  const { recording, state } = run;
  const stored = state.current ?? (recording === null ? nextRow(run) : repeatedRow(run, recording));
  if (stored !== null) run.open(stored, courseOf(run, stored));
  return stored;
}

/** The row as it was recorded; times and positions are not looked at in a replay. */
function repeatedRow(run: Run, recording: Recording): StoredRow | null {
  const { models, rounds } = run.state;
  const round = rounds + 1;
  const found = recordedRow(recording, { run: run.id, round, base: models.get(rounds)! });
  if (found === null) return null;
  if (!found.same) {
    const text = `round ${round} began from another model when it was recorded: the runs differ from here on`;
    run.onEvent({ type: "warning", text });
  }
  return { row: found.row, opened: run.now() };
}

/**
 * Whom the next row is for: those who joined, are not lost and not left out by the operator; everybody of them who joined when those are no quorum, since
 * the row then has to wait for some of them.
 */
export function nextRoster(run: Run): string[] {
  const { proposal: { silos }, state, attendance, away } = run;
  const joined = silos.filter((silo) => state.joined.has(silo) && !away.isLeftOut(silo));
  const there = joined.filter((silo) => !attendance.isLost(silo));
  if (run.proposal.masked !== null) return maskedRoster(run, { joined, there });
  return there.length >= quorumNow(run) ? there : joined;
}

/** Once the rosters of a masked run have changed as often as they may, it is the one of before, or nobody. */
function maskedRoster(run: Run, { joined, there }: { joined: string[]; there: string[] }): string[] {
  const before = rosterBefore(run.state);
  if (before?.fixed) return [...before.names];
  return there.length >= fewest(run) ? there : joined;
}

function nextRow(run: Run): StoredRow | null {
  const { plan, rows, rounds, models, joined, totals } = run.state;
  const { recipe, localEpochs } = plan!;
  const now = run.now();
  const roster = nextRoster(run);
  const score = isScored(rounds + 1, localEpochs);
  const planned = planRow({
    round: rounds + 1,
    rounds: plan!.rounds,
    clock: run.budget === null ? null : {
      budget: run.budget,
      elapsed: rows.length === 0 ? 0 : now - rows[0].opened,
      closing: closingSeconds(run),
    },
    batch: recipe.batch,
    localEpochs,
    silos: Object.fromEntries(
      roster.map((silo) => {
        const { stepsPerSecond } = joined.get(silo)!;
        return [silo, { from: totals.passes(silo), train: run.examples(silo), stepsPerSecond }];
      }),
    ),
    pooled: plan!.pooled.images,
    everybody: run.proposal.masked !== null,
    p0: rows.at(-1)?.row.p1 ?? 0,
    timings: recentTimings(run, now, score),
  });
  if (planned === null) return null;
  warnOfFewSteps(run, roster);
  const { silos, p0, p1, last } = planned;
  const total = roster.reduce((sum, silo) => sum + run.examples(silo), 0);
  return {
    row: {
      version: 3,
      run: run.id,
      round: rounds + 1,
      base: models.get(rounds)!,
      roster,
      silos,
      p0,
      p1,
      scale: scaleFor(total),
      score,
      last,
    },
    opened: now,
  };
}

/** Tells once of each silo whose rounds hold few steps: when it takes part for the first time. */
function warnOfFewSteps(run: Run, roster: readonly string[]): void {
  const { recipe: { batch }, localEpochs } = run.proposal;
  const known = new Set([...run.state.totals.rosters].flat());
  for (const silo of roster) {
    if (known.has(silo)) continue;
    const text = fewSteps(` at ${silo}`, { train: run.examples(silo), batch, localEpochs });
    if (text !== null) run.onEvent({ type: "warning", text });
  }
}
