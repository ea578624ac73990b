import { checkTrainable } from "../../data/classes.ts";
import { openShards } from "../../data/pool.ts";
import { EngineTrainer } from "../../fed/training/engine_trainer.ts";
import type { FedEvent } from "../../fed/protocol/event.ts";
import { type LocalOptions, runLocal } from "../../fed/training/local.ts";
import type { LocalResult } from "../../fed/training/result.ts";
import { ProtocolError } from "../../fed/protocol/errors.ts";
import { headOnly } from "../../model/head_only.ts";
import { layoutOf } from "../../model/layout.ts";
import { findLibraries } from "../../model/libraries.ts";
import { initialWeights } from "../../model/weights/initial.ts";
import { checkOutput } from "../output/check_output.ts";
import { computingLine } from "../output/computing.ts";
import { showEvents } from "../output/event_log.ts";
import type { Context } from "../context.ts";
import { labelRuleOf } from "../options/label_rule.ts";
import type { Values } from "../options/option.ts";
import type { local } from "../options/table/local.ts";
import { proposalOf, settingsOf } from "../options/proposal.ts";
import { UsageError } from "../options/usage_error.ts";
import { absentFindings } from "../output/label_rule.ts";
import { localEnd } from "../output/local_end.ts";
import type { Output } from "../output/output.ts";
import { shardNames } from "../output/shard_names.ts";

/** Trains on one shard, or on several pooled, without federation. */
export async function run({ values, output, signal }: Context<typeof local>): Promise<void> {
  checkPart(values);
  await checkApart(values);
  await checkOutput(values.out, { flag: "--out", kind: "model", force: values.force ?? false });
  const shards = await openShards(values.shard, { signal });
  shards.forEach(checkTrainable);
  const [{ size, manifest: { kernel } }] = shards;
  const labelRule = labelRuleOf(values);
  for (const shard of shards) shard.counts(labelRule); // one that cannot answer the rule is refused by its name
  const missing = absentFindings(shards, labelRule);
  if (missing !== null) output.line(`warning: ${missing}`);
  const start = await initialWeights(layoutOf(values.network, values), {
    ...values,
    size,
    kernel,
    labelRule,
  });
  output.line(`start: ${start.source}${values.train === "head" ? "; its classifier alone is trained" : ""}`);
  if (start.warning !== undefined) output.line(`warning: ${start.warning}`);
  const rounds = values.epochs === undefined
    ? values.rounds
    : roundsOf(values.epochs, values["local-epochs"] ?? 1);
  const silos = shardNames(values.shard);
  const settings = settingsOf({ ...values, rounds, size, kernel, silos }, { hospitals: 1 });
  const recipe = values.train === "head" ? headOnly(settings.recipe) : settings.recipe;
  const proposal = proposalOf({ ...settings, recipe }, start);
  const { device, threads, deterministic } = values;
  const libraries = await findLibraries();
  const all = { shards, device, threads, deterministic, libraries };
  using trainer = await EngineTrainer.create(proposal, all);
  output.line(computingLine(trainer.info, { asked: device, libraries }));
  const options = { trainer, proposal, start: start.vector, out: values.out, signal };
  const result = await runKept(options, output);
  output.result(result, localEnd(result));
}

/** @throws {UsageError} where --train head has nothing to build on, or other options contradict it */
function checkPart({ train, init, bn }: Pick<Values<typeof local>, "train" | "init" | "bn">): void {
  if (train !== "head") return;
  if (init === "random") {
    throw new UsageError(
      "Cannot train the head of a random network: expected --init imagenet or a model's file, got --init random; " +
        "name one of those, or leave out --train head.",
    );
  }
  if (bn !== undefined && bn > 0) {
    throw new UsageError(
      `Cannot use --bn ${bn} with --train head: expected statistics that stay as the start has them; leave out --bn.`,
    );
  }
}

/** A start that is written over could no longer be compared with. @throws {UsageError} where --out names it */
async function checkApart({ init, out }: { init: string; out: string }): Promise<void> {
  const [start, model] = await Promise.all([init, out].map((path) => Deno.realPath(path).catch(() => null)));
  if (start === null || start !== model) return;
  throw new UsageError(
    `Cannot write ${out}: expected another file than --init, got the same; choose another --out.`,
  );
}

/** The rounds in which so many passes are over: a division of doubles may come out a little above a whole number. */
function roundsOf(passes: number, localEpochs: number): number {
  return Math.ceil(passes / localEpochs - 1e-9);
}

/** Trains, and says what is kept of it where it does not come to its end. */
export async function runKept(options: LocalOptions, output: Output): Promise<LocalResult> {
  using show = showEvents(output);
  const course: Course = { scored: false, stored: null };
  const onEvent = (event: FedEvent) => {
    if (event.type === "scored" && event.round > 1) course.scored = true;
    if (event.type === "model_stored") course.stored = event;
    show(event);
  };
  try {
    return await runLocal({ ...options, onEvent });
  } catch (error) {
    output.line(keptText(course, error));
    throw error;
  }
}

/** How far a training had come: whether a model but the start was scored, and which one was written last. */
interface Course {
  scored: boolean;
  stored: { round: number; path: string } | null;
}

function keptText({ scored, stored }: Course, error: unknown): string {
  if (stored !== null) {
    return `the latest model that was selected and written, of round ${stored.round}, is kept: ${stored.path}`;
  }
  if (error instanceof ProtocolError && error.code === "disk_full") {
    return "no model is kept: there was no room to write one";
  }
  return scored
    ? "no model is kept: none that was trained has been selected and written yet"
    : "no model is kept: none was trained and scored yet";
}
