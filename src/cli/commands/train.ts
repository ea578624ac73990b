import type { Proposal } from "../../fed/protocol/messages.ts";
import type { Limits } from "../../fed/silo/limits.ts";
import { runSilo } from "../../fed/silo/silo.ts";
import { siloRole } from "../../fed/state/folder.ts";
import { EngineTrainer } from "../../fed/training/engine_trainer.ts";
import { checkTrainable } from "../../data/classes.ts";
import { parseManifest } from "../../data/manifest.ts";
import { Shard } from "../../data/shard.ts";
import { readTextIfThere } from "../../files/exists.ts";
import type { Libraries } from "../../model/engine.ts";
import { formatDuration } from "../options/duration.ts";
import { findLibraries } from "../../model/libraries.ts";
import { EventLog } from "../output/event_log.ts";
import type { Context } from "../context.ts";
import type { Values } from "../options/option.ts";
import { FLOWER } from "../options/table/flower.ts";
import type { train } from "../options/table/train.ts";
import { UsageError } from "../options/usage_error.ts";
import { checkOutputFolder } from "../output/check_output.ts";
import { computingLine } from "../output/computing.ts";
import { absentFindings, ruleWords } from "../output/label_rule.ts";
import { siloEnd, siloPage } from "../output/report/silo.ts";
import { writeReport } from "../output/report/write.ts";
import { setAside } from "../output/set_aside.ts";
import { table } from "../output/table.ts";
import { plural } from "../../plural.ts";
import { trainInFlower } from "./train/flower.ts";

/** Runs one silo to the end of the run. */
export async function run(context: Context<typeof train>): Promise<void> {
  if (context.values.flower !== undefined) return await trainInFlower(context);
  checkNoneOf(context.values);
  const { accept, output, signal, faultPoint } = context;
  const { server, tls, ...values } = context.values as Values<typeof train> & { server: URL; tls: string };
  const state = values.state ?? `fedx-state/${values.silo}`;
  await checkOutputFolder(state, { flag: "--state" });
  let opened: { shard: Shard; libraries: Libraries };
  if (values.new) await setAside(state, { role: siloRole(values.silo), output });
  using log = await EventLog.open(state, output);
  const result = await log.ending(
    runSilo({
      silo: values.silo,
      server,
      tls,
      state,
      wait: values.wait,
      site: values.site,
      accept,
      shard: () => digestOf(values.shard),
      async ready() {
        using _ = output.ticking(() => `checking ${values.shard}`, { said: true });
        const shard = await Shard.open(values.shard, { verify: true, signal });
        checkTrainable(shard);
        opened = { shard, libraries: await findLibraries() };
      },
      async trainer(proposal, { number }) {
        const { shard, libraries } = opened;
        output.line(describe(proposal, accept));
        const { device, threads, deterministic } = values;
        const shards = [shard];
        const missing = absentFindings(shards, proposal.labelRule);
        if (missing !== null) output.line(`warning: ${missing}`);
        const all = { shards, silo: number, device, threads, deterministic, libraries };
        const trainer = await EngineTrainer.create(proposal, all);
        output.line(computingLine(trainer.info, { asked: device, libraries }));
        return trainer;
      },
      onEvent: log.onEvent,
      log: log.audit,
      faultPoint,
      signal,
    }),
    signal,
  );
  const report = await writeReport(state, siloPage(result, values), output);
  const { own: { roc: _, ...own }, ...rest } = result; // curves are for drawing
  // A finished run is told again without its shard too: then the next command names whichever there is.
  const shard = await digestOf(values.shard) === null ? "SHARD" : values.shard;
  output.result({ ...rest, own, report }, siloEnd(result, { ...values, shard, report }));
}

/** @throws {UsageError} for an option that is for Flower's runs alone */
function checkNoneOf(values: Values<typeof train>): void {
  const given = Object.keys(FLOWER).find((key) => values[key as keyof typeof FLOWER] !== undefined);
  if (given === undefined) return;
  throw new UsageError(
    `Cannot use --${given} with --server: expected it beside --flower; the aggregator's proposal says how is trained.`,
  );
}

/** The digest that a shard's manifest tells, null where there is no shard. */
async function digestOf(dir: string): Promise<string | null> {
  const manifest = await readTextIfThere(`${dir}/manifest.json`);
  return manifest === null ? null : parseManifest(manifest, dir).digest;
}

/** The proposal as a table: what this hospital is asked to do, and what of its limits is kept only on the way. */
export function describe(proposal: Proposal, { maxPasses }: Limits = {}): string {
  const { recipe } = proposal;
  const limit = proposal.rounds !== null
    ? plural(proposal.rounds, "round")
    : formatDuration(proposal.budget ?? NaN);
  return table(["the aggregator proposes", ""], [
    ["silos", proposal.silos.join(", ")],
    ...proposal.flower.length === 0
      ? []
      : [["of them with Flower", `${proposal.flower.join(", ")}, whose training no plan binds`]],
    ["network", `${proposal.network}, ${proposal.size} px, ${plural(proposal.channels, "channel")}`],
    ["positive films", ruleWords(proposal.labelRule)],
    ["start", proposal.init.source],
    ["recipe", `${recipe.name}: batch ${recipe.batch}, lr ${recipe.lr}, bn ${recipe.bn}`],
    ["augmentation", augmentation(recipe.augment)],
    ["length", `${limit}, ${plural(proposal.localEpochs, "local pass", "local passes")} a round`],
    ...proposal.budget === null || maxPasses === undefined ? [] : [[
      "limit",
      `${plural(maxPasses, "pass", "passes")} (accept.max_passes); a round beyond is refused`,
    ]],
    ["seed", String(proposal.seed)],
    ["quorum", `${proposal.quorum} of ${proposal.silos.length}`],
    ["masked", masking(proposal)],
  ]);
}

function masking({ masked }: Proposal): string {
  if (masked === null) return "no: whoever runs the aggregator sees this hospital's update";
  return `yes, sums of at least ${masked.minCohort}, ${
    plural(masked.rosterChanges, "roster change")
  } at most`;
}

function augmentation(augment: Proposal["recipe"]["augment"]): string {
  const parts = [
    augment.flip ? "flip" : "",
    augment.rotation > 0 ? `±${augment.rotation}°` : "",
    augment.brightness > 0 ? `brightness ±${augment.brightness * 100} %` : "",
    augment.contrast > 0 ? `contrast ±${augment.contrast * 100} %` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "off" : parts.join(", ");
}
