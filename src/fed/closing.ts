/**
 * The end of a run: the last model is scored, one is selected and stored, every silo tests it once.
 */
import { saveModel } from "../model/checkpoint.ts";
import { ProtocolError } from "./errors.ts";
import { readAt } from "./files.ts";
import { type AggregatorResult, roundResult, testResult } from "./result.ts";
import { selectNow, timeoutAt } from "./rounds.ts";
import type { Run } from "./run.ts";

/** Closes the run and commits its result. @throws {ProtocolError} `round_timeout` when a silo stays away. */
export async function closeRun(
  run: Run,
  options: { abandoned: number | null; signal?: AbortSignal },
): Promise<AggregatorResult> {
  run.phase = "closing";
  run.onEvent({ type: "closing", rounds: run.rounds });
  run.notify();
  await run.faultPoint("closing");
  await everyone(run, "scores", options.signal);
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
  await everyone(run, "test scores", options.signal);
  const result: AggregatorResult = {
    rounds: run.rounds,
    degraded: false,
    missing: {},
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

/** Waits until every silo of the plan has sent its scores, or its test scores. */
async function everyone(run: Run, what: "scores" | "test scores", signal?: AbortSignal): Promise<void> {
  const roster = Object.keys(run.plan!.roster);
  const have = () => what === "scores" ? run.state.scores().get(run.rounds + 1) ?? {} : run.state.tests();
  const all = () => {
    const scores = have();
    return roster.every((silo) => scores[silo] !== undefined);
  };
  if (await run.until(all, { deadline: timeoutAt(run, run.now()), signal })) return;
  const missing = roster.filter((silo) => have()[silo] === undefined);
  await keepModels(run, selectNow(run).round);
  throw new ProtocolError("round_timeout", {
    expected: `${what} of ${roster.join(", ")} in the closing phase`,
    got: `none from ${missing.join(", ")}; the best model is ${run.state.folder.dir}/model.safetensors`,
  });
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
