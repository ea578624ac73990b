/**
 * The end of a run: the last model is scored, one is selected and stored, every silo tests it once.
 */
import { saveModel } from "../../model/weights/model_file.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { leaveOutAt } from "../maths/pace.ts";
import { fileDigest } from "../../files/digest.ts";
import { readAt } from "../../files/whole.ts";
import { freeGarbage } from "../wire/garbage.ts";
import { missingRounds } from "./missing.ts";
import { gather, lacking, quorumOf, settled, timeoutAt, type Wanted } from "./quorum.ts";
import { type AggregatorResult, roundResult, testResult } from "../training/result.ts";
import { closingSeconds, selectNow } from "./rounds.ts";
import type { Run } from "./run.ts";
import { planId } from "../protocol/messages.ts";
import { stepsOf } from "../maths/stretch.ts";

/** Longest that a silo needs to find a restarted aggregator: twice its longest pause between attempts, seconds. */
const RECONNECT = 10;
/** A silo that has spoken within this many seconds is at work: it says something every 10. */
const ALIVE = 25;

/**
 * Closes the run and commits its result. A silo that is lost, or stays away beyond the timeout or the budget's end, is
 * left out, and the result says so first.
 * @throws {ProtocolError} `round_timeout` when those that are there are no quorum and no budget ends the waiting.
 */
export async function closeRun(
  run: Run,
  options: { abandoned: number | null; signal?: AbortSignal },
): Promise<AggregatorResult> {
  run.phase = "closing";
  run.state.folder.set("closing", true);
  run.onEvent({ type: "closing", rounds: run.rounds });
  run.notify();
  await run.faultPoint("closing");
  const { signal } = options;
  // Once a model is selected no more scores are taken: a restart must not wait for them.
  const scores = wantedScores(run, signal);
  const unscored = run.selected === null ? await everyone(run, scores) : lacking(scores);
  const selection = selectNow(run);
  const sha256 = run.models.get(selection.round)!;
  await keepModels(run, selection.round);
  freeGarbage(); // its vector, before the silos pull the selected model
  const seconds = run.state.folder.get<number>("seconds") ?? run.now() - (run.rows[0]?.opened ?? run.now());
  run.state.folder.set("seconds", seconds);
  run.selected = { round: selection.round, sha256 };
  run.state.folder.set("selected", run.selected);
  run.onEvent({ type: "selected", ...run.selected, auroc: selection.auroc, reason: selection.reason });
  run.notify();
  await run.faultPoint("selected");
  await everyone(run, wantedTests(run, signal));
  const tests = run.state.tests();
  const untested = run.proposal.silos.filter((silo) => tests[silo] === undefined);
  const missing = missingRounds(run, [...unscored, ...untested]);
  const result: AggregatorResult = {
    degraded: Object.keys(missing).length > 0,
    missing,
    rounds: run.rounds,
    ...(options.abandoned === null ? {} : { abandoned: options.abandoned }),
    selection: { ...selection, split: "val", note: "optimistic" },
    test: testResult(Object.fromEntries(Object.entries(tests).map(([silo, s]) => [silo, s.test!]))),
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

/** The scores of the last model: selection asks for those of the newest row's roster. */
function wantedScores(run: Run, signal?: AbortSignal): Wanted {
  const round = run.rounds + 1;
  const answered = trained(run);
  const roster = run.roster.filter((silo) => answered.has(silo));
  const has = (silo: string) => run.state.scores().get(round)?.[silo] !== undefined;
  return { what: "scores", round, roster: () => roster, has, signal };
}

/** The test scores of everybody who ever trained: a silo that did not answers nothing. */
function wantedTests(run: Run, signal?: AbortSignal): Wanted {
  const has = (silo: string) => run.state.tests()[silo] !== undefined;
  return { what: "test scores", round: run.rounds + 1, roster: () => [...trained(run)], has, signal };
}

/** Who has answered in a round: a silo that has not heard of its row yet will not answer in the closing phase. */
function trained(run: Run): Set<string> {
  const scored = [...run.state.scores().values()].flatMap((scores) => Object.keys(scores));
  return new Set([...scored, ...run.state.countedSilos().values()].flat());
}

/** Waits for the silos; returns who was left out. */
async function everyone(run: Run, wanted: Wanted): Promise<string[]> {
  if (run.budget !== null) await untilBudget(run, wanted);
  else if (await gather(run, wanted) === "absent") throw await absent(run, wanted);
  const { what, round } = wanted;
  const left = lacking(wanted);
  const end = run.budget === null ? "in time" : "by the budget's end";
  for (const silo of left) {
    if (!run.attendance.lost(silo)) run.onEvent({ type: "lost", silo, round, reason: `no ${what} ${end}` });
  }
  return left;
}

/** Waits as `gather`, but no longer than the budget lets it, whether those that came are a quorum or not. */
async function untilBudget(run: Run, wanted: Wanted): Promise<void> {
  const { lost, latest } = deadlinesOf(run, wanted);
  for (let deadline = lost;; deadline = Math.min(latest, run.now() + 1)) {
    if (await run.until(() => settled(run, wanted), { deadline, signal: wanted.signal })) return;
    if (run.now() >= latest || !lacking(wanted).some((silo) => run.attendance.speaks(silo, ALIVE))) return;
  }
}

/** The failure of a run whose silos stay away; its best model is kept. */
export async function absent(run: Run, wanted: Wanted): Promise<ProtocolError> {
  await keepModels(run, selectNow(run).round);
  const { what, round } = wanted;
  const phase = round > (run.rows.at(-1)?.row.round ?? 0) ? "the closing phase" : `round ${round}`;
  return new ProtocolError("round_timeout", {
    expected: `${what} of ${quorumOf(run, wanted.roster())} in ${phase}`,
    got: `none from ${
      lacking(wanted).join(", ")
    }; the best model so far is ${run.state.folder.dir}/model.safetensors`,
  });
}

/** The failure of a run whose budget ended before its first round: nothing is trained, so only the start is kept. */
export async function unfinished(run: Run): Promise<ProtocolError> {
  await keep(run, { init: 0 });
  const { row: { round, roster } } = run.rows[0];
  const late = roster.filter((silo) => run.state.receipt(round, silo) === null);
  const speed = (silo: string) => run.joined.get(silo)!.stepsPerSecond;
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
    (run.rows[0]?.opened ?? run.now()) + leaveOutAt({ budget }),
    run.resumed + RECONNECT + reserve,
  );
  const lost = what === "scores" ? end : end + reserve;
  return { lost, latest: Math.max(lost, latest) };
}

/** Writes best, last and init. @throws {ProtocolError} `damaged_state` */
async function keepModels(run: Run, best: number): Promise<void> {
  await keep(run, { model: best, last: run.rounds, init: 0 });
}

/**
 * Writes the models of these rounds as files that load anywhere.
 * @throws {ProtocolError} `damaged_state` when one of them is not what was committed; nothing is written then.
 */
async function keep(run: Run, rounds: Record<string, number>): Promise<void> {
  for (const round of new Set(Object.values(rounds))) await checkModel(run, round);
  const vector = new Float32Array(run.layout.length);
  for (const [name, round] of Object.entries(rounds)) {
    const { network, channels, size, preprocessing, init } = run.proposal;
    await readVector(run.state.modelPath(round), vector);
    await saveModel(`${run.state.folder.dir}/${name}.safetensors`, vector, run.layout, {
      network,
      channels,
      size,
      preprocessing,
      proposal: run.proposal,
      ...run.plan === null ? {} : { planId: planId(run.plan) },
      round,
      source: init.source,
    });
  }
}

async function checkModel(run: Run, round: number): Promise<void> {
  const expected = run.models.get(round)!;
  const got = await fileDigest(run.state.modelPath(round));
  if (got === expected) return;
  throw new ProtocolError("damaged_state", {
    expected: `SHA-256 ${expected} of the model of round ${round}`,
    got: got ?? "no file",
  });
}

async function readVector(path: string, into: Float32Array): Promise<void> {
  using file = await Deno.open(path);
  await readAt(file, 0, new Uint8Array(into.buffer));
}

/** Trained: whole batches of counted updates. Scored: every film of every scores message. */
function imagesOf(run: Run): { trained: number; scored: number } {
  const { batch } = run.proposal.recipe;
  let trained = 0, scored = 0;
  const counted = run.state.countedSilos();
  for (const { row } of run.rows) {
    if (row.round > run.rounds) continue;
    for (const silo of counted.get(row.round) ?? []) {
      trained += stepsOf(row.silos[silo], { train: run.examples(silo), batch }).steps * batch;
    }
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
