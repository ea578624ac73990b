/**
 * The end of a run: the last model is scored, one is selected and stored, every silo tests it once.
 */
import { ALIVE } from "./attendance.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { leaveOutAt } from "../maths/row_share.ts";
import { selectNow } from "./close_round.ts";
import { keepModels, keepStart } from "./kept_models.ts";
import { gather, lacking, quorumOf, settled, timeoutAt, type Wanted } from "./quorum.ts";
import type { Run } from "./run.ts";
import { resultOf } from "./summary.ts";
import { closingSeconds } from "./timing.ts";
import type { AggregatorResult } from "../training/result.ts";

/** Longest that a silo needs to find a restarted aggregator: twice its longest pause between attempts, seconds. */
const RECONNECT = 10;

/**
 * Closes the run and commits its result. A silo that is lost, or stays away beyond the timeout or the budget's end, is
 * left out, and the result says so first.
 * @throws {ProtocolError} `round_timeout` when those that are there are no quorum and no budget ends the waiting.
 */
export async function closeRun(run: Run, signal?: AbortSignal): Promise<AggregatorResult> {
  run.beginClosing();
  await run.faultPoint("closing");
  // Once a model is selected no more scores are taken: a restart must not wait for them.
  const scores = wantedScores(run, signal);
  const unscored = run.selected === null ? await everyone(run, scores) : lacking(scores);
  const selection = selectNow(run);
  const file_sha256 = await keepModels(run, selection.round);
  const began = run.state.rows[0]?.opened ?? run.now();
  const seconds = run.state.folder.get<number>("seconds") ?? run.now() - began;
  run.select(selection, seconds);
  await run.faultPoint("selected");
  await everyone(run, wantedTests(run, signal));
  const result = run.finish(resultOf(run, { selection, seconds, unscored, file_sha256 }));
  await run.faultPoint("result");
  return result;
}

/** The scores of the last model: selection asks for those of the newest row's roster. */
function wantedScores(run: Run, signal?: AbortSignal): Wanted {
  const round = run.state.rounds + 1;
  const answered = trained(run);
  const roster = run.roster.filter((silo) => answered.includes(silo) && !run.away.isLeftOut(silo));
  const has = (silo: string) => run.state.scores.get(round)?.[silo] !== undefined;
  return { what: "scores", round, roster: () => roster, has, signal };
}

/** The test scores of everybody who ever trained and is not left out: a silo that did not train answers nothing. */
function wantedTests(run: Run, signal?: AbortSignal): Wanted {
  const roster = trained(run).filter((silo) => !run.away.isLeftOut(silo));
  const has = (silo: string) => run.state.tests[silo] !== undefined;
  return { what: "test scores", round: run.state.rounds + 1, roster: () => roster, has, signal };
}

/** Who has answered in a round: a silo that has not heard of its row yet will not answer in the closing phase. */
function trained({ state }: Run): string[] {
  const answered = [...state.turns.values()].flatMap((turns) => Object.keys(turns));
  const counted = state.rows.flatMap(({ row }) => [...state.counted(row.round).keys()]);
  return [...new Set([...answered, ...counted])];
}

/** Waits for the silos; returns who was left out. */
async function everyone(run: Run, wanted: Wanted): Promise<string[]> {
  if (run.budget !== null) await untilBudget(run, wanted);
  else if (await gather(run, wanted) === "absent") throw await absent(run, wanted);
  const { what, round } = wanted;
  const left = lacking(wanted);
  const end = run.budget === null ? "in time" : "by the budget's end";
  for (const silo of left) {
    if (!run.attendance.isLost(silo)) run.onEvent({ type: "lost", silo, round, reason: `no ${what} ${end}` });
  }
  return left;
}

/** Waits as `gather`, but no longer than the budget lets it, whether those that came are a quorum or not. */
async function untilBudget(run: Run, wanted: Wanted): Promise<void> {
  const { lost, latest } = deadlinesOf(run, wanted);
  for (let deadline = lost;; deadline = Math.min(latest, run.now() + 1)) {
    if (await run.until(() => settled(run, wanted), { deadline, signal: wanted.signal })) return;
    if (run.now() >= latest || !lacking(wanted).some((silo) => run.attendance.isHeard(silo, ALIVE))) return;
  }
}

/** The failure of a run whose silos stay away; the model selected so far is kept. */
export async function absent(run: Run, wanted: Wanted): Promise<ProtocolError> {
  await keepModels(run, selectNow(run).round);
  const { what, round } = wanted;
  const phase = round > run.state.rows.length ? "the closing phase" : `round ${round}`;
  return new ProtocolError("round_timeout", {
    expected: `${what} of ${quorumOf(run, wanted.roster(), wanted.least)} in ${phase}`,
    got: `none from ${
      lacking(wanted).join(", ")
    }; the model selected so far is ${run.state.folder.dir}/model.safetensors`,
  });
}

/** The failure of a run whose budget ended before its first round: nothing is trained, so only the start is kept. */
export async function unfinished(run: Run): Promise<ProtocolError> {
  await keepStart(run);
  const { joined, rows: [{ row: { round, roster } }] } = run.state;
  const counted = run.state.counted(round);
  const late = roster.filter((silo) => !counted.has(silo));
  const speed = (silo: string) => joined.get(silo)!.stepsPerSecond;
  const slowest = roster.reduce((a, b) => speed(b) < speed(a) ? b : a);
  return new ProtocolError("budget_over", {
    expected:
      `an update of ${quorumOf(run, roster)} in round ${round} before the closing phase of a budget of ` +
      `${run.budget} s`,
    got: `none from ${late.join(", ")}; the slowest by its own measure is ${slowest} with ` +
      `${
        Number(speed(slowest).toPrecision(3))
      } steps a second; the start is ${run.state.folder.dir}/init.safetensors`,
  });
}

/**
 * Until when to wait, as the run counts time: for silos that are gone, shortly before the budget's end, which leaves
 * time to store the model, and, with test scores, the closing reserve after it (a restarted aggregator gives them time
 * to find it); for those still at work, the round's timeout.
 */
function deadlinesOf(run: Run, { what }: Wanted): { lost: number; latest: number } {
  const latest = timeoutAt(run, run.now());
  const budget = run.budget!;
  const reserve = closingSeconds(run);
  const end = Math.max(
    (run.state.rows[0]?.opened ?? run.now()) + leaveOutAt({ budget }),
    run.resumed + RECONNECT + reserve,
  );
  const lost = what === "scores" ? end : end + reserve;
  return { lost, latest: Math.max(lost, latest) };
}
