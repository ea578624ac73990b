/**
 * The end of a run: the last model is scored, one is selected and stored, every silo tests it once.
 */
import { saveModel } from "../model/checkpoint.ts";
import { ProtocolError } from "./errors.ts";
import { leaveOutAt } from "./pace.ts";
import { readAt } from "./files.ts";
import { type AggregatorResult, roundResult, testResult } from "./result.ts";
import { closingSeconds, selectNow, timeoutAt } from "./rounds.ts";
import type { Run } from "./run.ts";

/** Longest that a silo needs to find a restarted aggregator: twice its longest pause between attempts, seconds. */
const RECONNECT = 10;
/** A silo that has spoken within this many seconds is at work: it says something every 10. */
const ALIVE = 25;

/**
 * Closes the run and commits its result. With a budget a silo that stays away is left out, and the result says so.
 * @throws {ProtocolError} `round_timeout` when one stays away without a budget.
 */
export async function closeRun(
  run: Run,
  options: { abandoned: number | null; signal?: AbortSignal },
): Promise<AggregatorResult> {
  run.phase = "closing";
  run.onEvent({ type: "closing", rounds: run.rounds });
  run.notify();
  await run.faultPoint("closing");
  const { signal } = options;
  // Once a model is selected no more scores are taken: a restart must not wait for them.
  const unscored = run.selected === null ? await everyone(run, "scores", signal) : lacking(run, "scores");
  const selection = selectNow(run);
  const sha256 = run.models.get(selection.round)!;
  await keepModels(run, selection.round);
  const seconds = run.state.folder.get<number>("seconds") ?? run.now() - (run.rows[0]?.opened ?? run.now());
  run.state.folder.set("seconds", seconds);
  run.selected = { round: selection.round, sha256 };
  run.state.folder.set("selected", run.selected);
  run.onEvent({ type: "selected", ...run.selected, auroc: selection.auroc, reason: selection.reason });
  run.notify();
  await run.faultPoint("selected");
  const untested = await everyone(run, "test scores", signal);
  const absent = [...new Set([...unscored, ...untested])];
  const result: AggregatorResult = {
    rounds: run.rounds,
    degraded: absent.length > 0,
    missing: Object.fromEntries(absent.map((silo) => [silo, [run.rounds + 1]])),
    ...(options.abandoned === null ? {} : { abandoned: options.abandoned }),
    selection: { ...selection, split: "val", note: "optimistic" },
    test: testResult(
      Object.fromEntries(Object.entries(run.state.tests()).map(([silo, s]) => [silo, s.test!])),
    ),
    seconds,
    bytes: run.bytes,
    images: imagesOf(run),
    model: `${run.state.folder.dir}/model.safetensors`,
    sha256,
    last_sha256: run.models.get(run.rounds)!,
    init: run.proposal.init,
    run: run.id,
    history: historyOf(run),
  };
  run.state.folder.set("result", result);
  await run.faultPoint("result");
  return result;
}

/** What a silo sends in the closing phase. */
type What = "scores" | "test scores";

/** Silos of the plan that have not sent it. */
function lacking(run: Run, what: What): string[] {
  const have = what === "scores" ? run.state.scores().get(run.rounds + 1) ?? {} : run.state.tests();
  return Object.keys(run.plan!.roster).filter((silo) => have[silo] === undefined);
}

/** Waits until every silo of the plan has sent its scores, or its test scores; returns who has not. */
async function everyone(run: Run, what: What, signal?: AbortSignal): Promise<string[]> {
  const { lost, latest } = deadlinesOf(run, what);
  for (let deadline = lost;; deadline = Math.min(latest, run.now() + 1)) {
    if (await run.until(() => lacking(run, what).length === 0, { deadline, signal })) return [];
    if (run.now() >= latest || !lacking(run, what).some((silo) => isAlive(run, silo))) break;
  }
  const absent = lacking(run, what);
  if (run.proposal.budget === null) {
    await keepModels(run, selectNow(run).round);
    throw new ProtocolError("round_timeout", {
      expected: `${what} of ${Object.keys(run.plan!.roster).join(", ")} in the closing phase`,
      got: `none from ${absent.join(", ")}; the best model is ${run.state.folder.dir}/model.safetensors`,
    });
  }
  const round = run.rounds + 1;
  for (const silo of absent) {
    run.onEvent({ type: "lost", silo, round, reason: `no ${what} by the budget's end` });
  }
  return absent;
}

/**
 * Until when to wait, wall-clock seconds: for silos that are gone, shortly before the budget's end, which leaves time to
 * store the model, and, with test scores, the closing reserve after it (a restarted aggregator gives them time to find
 * it); for those still at work, the round's timeout.
 */
function deadlinesOf(run: Run, what: What): { lost: number; latest: number } {
  const latest = timeoutAt(run, run.now());
  const { budget } = run.proposal;
  if (budget === null) return { lost: latest, latest };
  const reserve = closingSeconds(run);
  const end = Math.max(
    (run.rows[0]?.opened ?? run.now()) + leaveOutAt({ budget }),
    run.resumed + RECONNECT + reserve,
  );
  const lost = what === "scores" ? end : end + reserve;
  return { lost, latest: Math.max(lost, latest) };
}

function isAlive(run: Run, silo: string): boolean {
  const presence = run.present.get(silo);
  return presence !== undefined && run.now() - presence.seen < ALIVE;
}

/** Writes best, last and init as files that load anywhere. */
export async function keepModels(run: Run, best: number): Promise<void> {
  const names: [string, number][] = [["model", best], ["last", run.rounds], ["init", 0]];
  for (const [name, round] of names) {
    const { network, channels, size, preprocessing, init } = run.proposal;
    const vector = await readVector(run.state.modelPath(round), run.layout.length);
    await saveModel(`${run.state.folder.dir}/${name}.safetensors`, vector, run.layout, {
      network,
      channels,
      size,
      preprocessing,
      plan: run.plan ?? run.proposal,
      round,
      source: init.source,
    });
  }
}

async function readVector(path: string, length: number): Promise<Float32Array> {
  const vector = new Float32Array(length);
  using file = await Deno.open(path);
  await readAt(file, 0, new Uint8Array(vector.buffer));
  return vector;
}

/** Trained: whole batches of counted rows. Scored: every film of every scores message. */
function imagesOf(run: Run): { trained: number; scored: number } {
  let trained = 0, scored = 0;
  for (const { row } of run.rows) {
    if (row.round > run.rounds) continue;
    for (const { steps } of Object.values(row.silos)) trained += steps * run.proposal.recipe.batch;
  }
  for (const scores of run.state.scores().values()) {
    for (const { positives, negatives } of Object.values(scores)) scored += positives + negatives;
  }
  for (const { test } of Object.values(run.state.tests())) scored += test!.images;
  return { trained, scored };
}

function historyOf(run: Run) {
  return [...run.state.scores()].map(([round, scores]) => {
    const stored = run.rows.find(({ row }) => row.round === round);
    const committed = run.state.committedAt(round);
    const seconds = stored === undefined || committed === null ? null : committed - stored.opened;
    return roundResult(round, scores, seconds);
  });
}
