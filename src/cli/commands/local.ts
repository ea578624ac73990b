import { basename } from "node:path";
import { openShards } from "../../data/pool.ts";
import { EngineTrainer } from "../../fed/training/engine_trainer.ts";
import type { FedEvent } from "../../fed/protocol/event.ts";
import { type LocalOptions, runLocal } from "../../fed/training/local.ts";
import { intervalOf, type LocalResult } from "../../fed/training/result.ts";
import { layoutOf } from "../../model/layout.ts";
import { findLibraries } from "../../model/libraries.ts";
import { initialWeights } from "../../model/weights/initial.ts";
import { checkOutput } from "../output/check_output.ts";
import { computingLine } from "../output/computing.ts";
import { formatDuration } from "../options/duration.ts";
import { decisionLines } from "../output/decisions.ts";
import { showEvents } from "../output/event_log.ts";
import type { Context } from "../context.ts";
import type { local } from "../options/table/local.ts";
import { proposalOf, settingsOf } from "../options/proposal.ts";
import type { Output } from "../output/output.ts";
import { modelLines, selectionText } from "../output/model_lines.ts";
import { interval, score, table } from "../output/table.ts";

/** Trains on one shard, or on several pooled, without federation. */
export async function run({ values, output, signal }: Context<typeof local>): Promise<void> {
  await checkOutput(values.out, { flag: "--out", kind: "model", force: values.force ?? false });
  const shards = await openShards(values.shard, { signal });
  const start = await initialWeights(layoutOf(values.network, values), values);
  output.line(`start: ${start.source}`);
  if (start.warning !== undefined) output.line(`warning: ${start.warning}`);
  const rounds = values.epochs === undefined
    ? values.rounds
    : roundsOf(values.epochs, values["local-epochs"] ?? 1);
  const silos = namesOf(values.shard);
  const proposal = proposalOf(settingsOf({ ...values, rounds, size: shards[0].size, silos }), start);
  const { device, threads, deterministic } = values;
  const libraries = await findLibraries();
  const all = { shards, device, threads, deterministic, libraries };
  using trainer = await EngineTrainer.create(proposal, all);
  output.line(computingLine(trainer.info, { asked: device, libraries }));
  const options = { trainer, proposal, start: start.vector, out: values.out, signal };
  const result = await runKept(options, output);
  output.result(result, describe(result));
}

/** The rounds in which so many passes are over: a division of doubles may come out a little above a whole number. */
function roundsOf(passes: number, localEpochs: number): number {
  return Math.ceil(passes / localEpochs - 1e-9);
}

/** Trains, and says what is kept of it where it does not come to its end. */
export async function runKept(options: LocalOptions, output: Output): Promise<LocalResult> {
  using show = showEvents(output);
  let kept = "no model is kept: none was trained and scored yet";
  const onEvent = (event: FedEvent) => {
    if (event.type === "model_stored") {
      kept = `the model selected so far, of round ${event.round}, is kept: ${event.path}`;
    }
    show(event);
  };
  try {
    return await runLocal({ ...options, onEvent });
  } catch (error) {
    output.line(kept);
    throw error;
  }
}

/** A name for each shard: its folder's, made distinct. */
function namesOf(dirs: readonly string[]): string[] {
  const names = dirs.map((dir) => basename(dir.replace(/\/+$/, "")));
  return names.map((name, index) => names.indexOf(name) === index ? name : `${name} (${index + 1})`);
}

function describe(result: LocalResult): string {
  const { test, selection } = result;
  const silos = Object.entries(test.silos);
  return [
    table(["shard", "test AUROC", "95 % interval", "test films", "with a finding"], [
      ...silos.map(([name, one]) => [
        name,
        score(one.auroc),
        interval(intervalOf(one)),
        String(one.images),
        String(one.positives),
      ]),
      ...silos.length > 1 ? [["stratified", score(test.stratified), interval(test.ci95), "", ""]] : [],
    ]),
    ...decisionLines(result.own),
    `${result.epochs.toFixed(1)} passes in ${formatDuration(result.seconds)}; ${selectionText(selection)}`,
    ...modelLines(result),
  ].join("\n");
}
