// Why: a silo of a Flower run shares the films, the engine and the log with a silo of our own, and nothing else.
import { checkRuleClasses, checkTrainable } from "../../../data/classes.ts";
import { Shard } from "../../../data/shard.ts";
import { type Figures, type Names, TEMPLATE } from "../../../fed/flower/app.ts";
import { flowerRole } from "../../../fed/flower/journal.ts";
import { runFlowerSilo } from "../../../fed/flower/silo.ts";
import { checkMasking, checkNetwork, checkPatients } from "../../../fed/silo/limits.ts";
import { EngineTrainer } from "../../../fed/training/engine_trainer.ts";
import { factsOf } from "../../../fed/training/shard_facts.ts";
import { findLibraries } from "../../../model/libraries.ts";
import { preprocessingOf } from "../../../model/weights/model_file.ts";
import type { Context } from "../../context.ts";
import { labelRuleOf } from "../../options/label_rule.ts";
import type { Values } from "../../options/option.ts";
import type { train } from "../../options/table/train.ts";
import { UsageError } from "../../options/usage_error.ts";
import { checkOutputFolder } from "../../output/check_output.ts";
import { computingLine } from "../../output/computing.ts";
import { EventLog } from "../../output/event_log.ts";
import { absentFindings } from "../../output/label_rule.ts";
import { setAside } from "../../output/set_aside.ts";

/** What a Flower run does not have of ours. */
const LOST =
  "a Flower run has no mutual TLS, no exact sum, no plan agreed before, no time budget, no masks, and no " +
  "aggregator that may be killed; its server sees each update";

/** Answers a Flower link until it is stopped. */
export async function trainInFlower(context: Context<typeof train>): Promise<void> {
  const { values, accept, output, signal, faultPoint } = context;
  const state = values.state ?? `fedx-state/${values.silo}-flower`;
  await checkOutputFolder(state, { flag: "--state" });
  checkMasking(null, accept);
  const names = namesOf(values);
  const { silo, flower, transport, app, seed, wait, rounds, batch, lr, device, threads, deterministic } =
    values;
  const [ca, key] = await Promise.all([values.ca, values.key].map((file) => file && Deno.readTextFile(file)));
  const shard = await Shard.open(values.shard, { verify: true, signal });
  checkTrainable(shard);
  const labelRule = labelRuleOf(values);
  const { splits: { train } } = factsOf([shard], { labelRule });
  checkRuleClasses(shard, labelRule);
  const missing = absentFindings([shard], labelRule);
  if (missing !== null) output.line(`warning: ${missing}`);
  checkPatients(train, accept);
  const network = values.network ?? "efficientnet_b0";
  checkNetwork(network, accept);
  const libraries = await findLibraries();
  output.line(LOST);
  if (accept?.recipes !== undefined) output.line("warning: accept.recipes says nothing of an app's settings");
  if (values.new) await setAside(state, { role: flowerRole(silo), output });
  if (flower!.protocol === "http:") output.line("warning: http:// is not encrypted");
  using log = await EventLog.open(state, output);
  await log.ending(
    runFlowerSilo({
      ...{ silo, transport, state, seed, rounds, wait, names, signal, faultPoint },
      ...{ server: flower!, apps: app! },
      ...ca !== undefined && { ca },
      ...key !== undefined && { key },
      ...{ network, recipe: values.recipe ?? "default", films: train.images },
      limits: { rounds: accept?.maxRounds, passes: accept?.maxPasses },
      overrides: {
        ...batch !== undefined && { batch },
        ...lr !== undefined && { lr },
        ...values["local-epochs"] !== undefined && { localEpochs: values["local-epochs"] },
      },
      ignored: values.ignore ?? [],
      async trainer({ layout: { network, channels }, recipe, seed, number }) {
        const preprocessing = preprocessingOf(channels, shard.manifest);
        const settings = { network, channels, preprocessing, labelRule, recipe, seed };
        const all = { shards: [shard], silo: number, device, threads, deterministic, libraries };
        const trainer = await EngineTrainer.create(settings, all);
        output.line(computingLine(trainer.info, { asked: device, libraries }));
        return trainer;
      },
      onEvent: log.onEvent,
    }),
    signal,
  );
}

/** The names of records and figures, as the options have them. @throws {UsageError} */
function namesOf(values: Values<typeof train>): Names {
  const records = pairs(values.records, "records", ["arrays", "config", "metrics"], { reversed: true });
  const told = (key: "train-metrics" | "evaluate-metrics", figures: readonly (keyof Figures)[]) =>
    pairs(values[key], key, figures);
  return {
    ...TEMPLATE,
    ...records,
    train: told("train-metrics", ["loss", "examples", "clipped"]) as Names["train"] ?? TEMPLATE.train,
    evaluate: told("evaluate-metrics", ["loss", "accuracy", "auroc", "examples"]) as Names["evaluate"] ??
      TEMPLATE.evaluate,
  };
}

/** `name=value` pairs whose value, or reversed whose name, is one of some words; undefined for no option. */
function pairs(
  texts: readonly string[] | undefined,
  key: string,
  words: readonly string[],
  { reversed = false } = {},
): Record<string, string> | undefined {
  return texts && Object.fromEntries(texts.map((text) => {
    const [name, value] = text.split("=");
    const word = reversed ? name : value;
    if (value && words.includes(word) && text.split("=").length === 2) return [name, value];
    const expected = reversed ? `${words.join("|")}=NAME` : `NAME=${words.join("|")}`;
    throw new UsageError(
      `Cannot read --${key}: expected ${expected} with commas between, got ${JSON.stringify(text)}.`,
    );
  }));
}
