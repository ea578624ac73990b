/** The rounds of a run, from the silos' joining to its result. The loop in here is the protocol. */
import { closeRound } from "./close_round.ts";
import { absent, closeRun, unfinished } from "./closing.ts";
import { openRound } from "./open_round.ts";
import { settleRoster, wantedOfRoster, wantedReadies } from "./masked.ts";
import { hasPart } from "./part.ts";
import type { RoundSettings } from "../protocol/messages.ts";
import { freezePlan, gather, lacking, type Wanted } from "./quorum.ts";
import type { Run } from "./run.ts";
import { abandonTime } from "./timing.ts";
import type { AggregatorResult } from "../training/result.ts";

/**
 * Runs or goes on with the rounds until the run has a result.
 * @throws {ProtocolError} `join_timeout`, `share_too_large`, `round_timeout`, `budget_over`, `damaged_state` · the
 * signal's reason.
 */
export async function runRounds(run: Run, signal?: AbortSignal): Promise<AggregatorResult> {
  const { state } = run;
  if (state.plan === null) await freezePlan(run, signal);
  // Once told of the closing phase, silos take no more rows.
  let over = state.folder.get("closing") !== null || state.folder.get("abandoned") !== null;
  while (!over && (state.current !== null || state.rows.at(-1)?.row.last !== true)) {
    const stored = openRound(run);
    if (stored === null) break;
    const { wanted, outcome } = run.proposal.masked === null
      ? await gatherUpdates(run, wantedUpdates(run, stored.row, signal))
      : await gatherMasked(run, stored.row, signal);
    if (outcome === "absent") throw await absent(run, wanted);
    if (outcome === "enough") {
      await closeRound(run, stored);
    } else {
      const missing = lacking(wanted);
      const reason = `the budget's end ${
        missing.length > 0 ? `without ${missing.join(", ")}` : "came first"
      }`;
      run.abandon(stored.row.round, reason);
      over = true;
    }
  }
  if (state.rounds === 0) throw await unfinished(run);
  return await closeRun(run, signal);
}

/** What came of waiting, and for what. */
interface Gathered {
  wanted: Wanted;
  outcome: Awaited<ReturnType<typeof gather>>;
}

async function gatherUpdates(run: Run, wanted: Wanted): Promise<Gathered> {
  return { wanted, outcome: await gather(run, wanted) };
}

/** Readies first, which settle the row's roster, then the update of everybody in it. */
async function gatherMasked(run: Run, row: RoundSettings, signal?: AbortSignal): Promise<Gathered> {
  const options = { giveUp: abandonTime(run), signal };
  if (run.state.masks.rosters.has(row.round)) run.masks.tellAgain(row.round);
  else {
    const wanted = wantedReadies(run, row, options);
    const outcome = await gather(run, wanted);
    if (outcome !== "enough") return { wanted, outcome };
    // A roster that no update can follow would be one that silos have masked for in vain.
    if (run.now() >= options.giveUp) return { wanted, outcome: "given_up" };
    await settleRoster(run, row);
  }
  return await gatherUpdates(run, wantedOfRoster(run, row.round, options));
}

/** The silos' parts in a row, but of whom the operator has left out, until the end of the budget. */
function wantedUpdates(run: Run, { round, roster }: RoundSettings, signal?: AbortSignal): Wanted {
  const has = (silo: string) => hasPart(run.state, round, silo);
  const wanted = roster.filter((silo) => has(silo) || !run.away.isLeftOut(silo));
  return { what: "updates", round, roster: () => wanted, has, giveUp: abandonTime(run), signal };
}
