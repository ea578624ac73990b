/** The end of a round: the updates that count become the next model. */
import type { StoredRow } from "./stored.ts";
import { removeIfThere } from "../../files/exists.ts";
import { renameDurably } from "../../files/durable.ts";
import { type Checksums, foldFiles, foldMaskedFiles } from "./fold_files.ts";
import { hasPart, stepsIn } from "./part.ts";
import type { RoundSettings } from "../protocol/messages.ts";
import type { Run } from "./run.ts";
import { type ScoredModel, select, type Selection } from "../maths/selection.ts";
import { standingOf } from "./standing.ts";

/**
 * Folds the counted updates of the open row into the next model and commits it; without any it is the same model again.
 * What comes from now on is late; a row that a kill opens again takes it after all, since nobody has heard of the fold.
 */
export async function closeRound(run: Run, stored: StoredRow): Promise<void> {
  const { row } = stored;
  const started = run.now();
  run.stopCounting();
  await run.faultPoint("before_fold");
  const path = run.state.modelPath(row.round);
  const { sha256, crc32 } = await fold(run, row, `${path}.partial`);
  run.onEvent({ type: "folded", round: row.round, sha256, seconds: run.now() - started });
  await run.faultPoint("folded");
  await renameDurably(`${path}.partial`, path);
  run.hashed.clear();
  run.hashed.set(path, crc32);
  await run.faultPoint("renamed");
  tellAbsent(run, row);
  run.close(stored, { sha256, held: modelsToHold(run, row.round) });
  await run.faultPoint("committed");
  for (const silo of row.roster) {
    const { partial, whole } = run.state.stagedPath(row.round, silo);
    for (const path of [partial, whole]) await removeIfThere(path);
  }
  await run.state.dropModels();
}

/** Folds what counted into the file `out`. */
async function fold(run: Run, row: RoundSettings, out: string): Promise<Checksums> {
  const { state, layout, hashed } = run;
  const counted = state.counted(row.round);
  const file = (path: string, what: string) => ({ path, what, crc32: hashed.get(path) });
  const updates = row.roster.filter((silo) => counted.has(silo)).map((silo) => ({
    ...counted.get(silo)!,
    ...file(state.stagedPath(row.round, silo).whole, `the update of ${silo} in round ${row.round}`),
  }));
  const base = {
    sha256: row.base,
    ...file(state.modelPath(row.round - 1), `the model of round ${row.round - 1}`),
  };
  const { scale } = row;
  const options = { base, layout, scale, out, onStretch: () => run.faultPoint("folding") };
  if (run.proposal.masked === null) return await foldFiles(updates, options);
  // Who has no step has sent zeros: it takes part in the masks, not in the average.
  const total = updates.reduce(
    (sum, { silo, examples }) => sum + (stepsIn(state, row.round, silo) === 0 ? 0 : examples),
    0,
  );
  if (total === 0) return await foldFiles([], options);
  return await foldMaskedFiles(updates, { ...options, total });
}

/** Says whose part the row closes without, and what the late ones were at. */
function tellAbsent(run: Run, { round, roster }: RoundSettings): void {
  const missing = run.proposal.silos.filter((silo) => !hasPart(run.state, round, silo));
  for (const silo of missing) {
    if (!roster.includes(silo) || run.attendance.isLost(silo) || run.away.isLeftOut(silo)) continue;
    run.onEvent({ type: "late", silo, round, ...standingOf(run, silo) });
  }
  if (missing.length > 0) run.onEvent({ type: "degraded", round, missing });
}

/** The model that the run would hand over as things stand. */
export function selectNow(run: Run): Selection {
  const { rounds: last, held } = run.state;
  return select(scoredModels(run), { roster: run.roster, last, held });
}

/** Every model that somebody scored, with the scores. */
function scoredModels({ state }: Run): ScoredModel[] {
  return [...state.scores].map(([round, scores]) => ({ round: round - 1, scores }));
}

/**
 * The models that may still be asked for once that of round `last` is there: the start, the last, and the selected one of every
 * roster so far and of the one of now, since a silo that leaves or comes back brings another roster's to the fore. For
 * one roster the selection never goes back to an earlier model, so no other is ever asked for.
 */
function modelsToHold(run: Run, last: number): number[] {
  const { held, totals } = run.state;
  const models = scoredModels(run);
  const selected = [...totals.rosters, run.roster].map((roster) =>
    select(models, { roster, last, held }).round
  );
  return [...new Set([0, ...selected, last])];
}
