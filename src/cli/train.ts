import type { Proposal } from "../fed/protocol.ts";
import { runSilo } from "../fed/silo.ts";
import { EngineTrainer } from "../fed/trainer.ts";
import { Shard } from "../data/shard.ts";
import type { Values } from "./commands.ts";
import { formatDuration } from "./duration.ts";
import { cores, libraries } from "./engine.ts";
import { EventLog } from "./event_log.ts";
import type { Context } from "./main.ts";
import { table } from "./table.ts";

/** Runs one silo to the end of the run. */
export async function run(context: Context<Values<"train">>): Promise<void> {
  const { values, accept, output, signal, faultPoint } = context;
  const state = values.state ?? `fedx-state/${values.silo}`;
  const shard = await Shard.open(values.shard);
  const libs = await libraries();
  const threads = values.threads ?? await cores();
  using log = await EventLog.open(state, output);
  const result = await runSilo({
    silo: values.silo,
    server: values.server,
    tls: values.tls,
    state,
    wait: values.wait,
    accept,
    trainer: (proposal: Proposal) => {
      output.line(describe(proposal));
      return EngineTrainer.create({ proposal, shard, libraries: libs, device: values.device, threads });
    },
    onEvent: log.onEvent,
    faultPoint,
    signal,
  });
  output.result(
    result,
    `${result.rounds} rounds, ${result.examples} examples in ${formatDuration(result.seconds)}\n` +
      `model: ${result.model}\nsha256: ${result.sha256}`,
  );
}

/** The proposal as a table: what this hospital is asked to do. */
export function describe(proposal: Proposal): string {
  const { recipe } = proposal;
  const limit = proposal.rounds !== null
    ? `${proposal.rounds} rounds`
    : formatDuration(proposal.budget ?? NaN);
  return table(["the aggregator proposes", ""], [
    ["silos", proposal.silos.join(", ")],
    ["network", `${proposal.network}, ${proposal.size} px, ${proposal.channels} channel(s)`],
    ["start", proposal.init.source],
    ["recipe", `${recipe.name}: batch ${recipe.batch}, lr ${recipe.lr}, BatchNorm ${recipe.bn}`],
    ["augmentation", augmentation(recipe.augment)],
    ["length", `${limit}, ${proposal.localEpochs} local pass(es) a round`],
    ["seed", String(proposal.seed)],
    ["quorum", `${proposal.quorum} of ${proposal.silos.length}`],
  ]);
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
