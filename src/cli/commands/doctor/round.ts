// Why: whether a run fits its budget is a question of this machine and this line; both are measured, the rest is arithmetic.
import type { Shard } from "../../../data/shard.ts";
import { ANY_FINDING } from "../../../label_rule.ts";
import { SCORING_SPEEDUP } from "../../../fed/maths/row_share.ts";
import { scoredEvery } from "../../../fed/maths/scored_rows.ts";
import { type EngineSettings, EngineTrainer } from "../../../fed/training/engine_trainer.ts";
import type { Proposal } from "../../../fed/protocol/messages.ts";
import { preprocessingOf } from "../../../model/weights/model_file.ts";
import type { Libraries } from "../../../model/engine.ts";
import { preset } from "../../../model/recipe.ts";
import { formatDuration } from "../../options/duration.ts";
import { bad, type Check, failed, good, open } from "./check.ts";
import { plural } from "../../../plural.ts";

/** What an estimate rests on. */
export interface RoundFacts {
  /** Images of the splits. */
  train: number;
  val: number;
  batch: number;
  localEpochs: number;
  stepsPerSecond: number;
  /** Bytes of a model, pulled and sent once a round. */
  vector: number;
  /** Bytes a second, or null when the aggregator was not reached. */
  bandwidth: number | null;
}

/** Seconds of one round that scores `val` by part, alone on the machine; the upload is taken to be as fast as the measured pull. */
export function estimateRound(facts: RoundFacts): { train: number; score: number; transfer: number } {
  const { train, val, batch, localEpochs, stepsPerSecond, vector, bandwidth } = facts;
  const steps = Math.max(1, Math.floor(train * localEpochs / batch));
  return {
    train: steps / stepsPerSecond,
    score: val / (stepsPerSecond * batch * SCORING_SPEEDUP),
    transfer: bandwidth === null ? 0 : 2 * vector / bandwidth,
  };
}

/** Whether a round of that length fits the run's own limits. */
export function checkRound(
  facts: RoundFacts,
  limits: { budget: number | null; roundTimeout: number | null },
): Check {
  const name = "round";
  const { train, score, transfer } = estimateRound(facts);
  const seconds = train + score + transfer;
  const every = scoredEvery(facts.localEpochs);
  const often = every === 1 ? "" : ` (in one of ${every} rounds)`;
  const detail =
    `about ${formatDuration(seconds)}: training ${formatDuration(train)}, scoring ${
      formatDuration(score)
    }${often}, ` +
    (facts.bandwidth === null ? "transfer not measured" : `transfer ${formatDuration(transfer)}`);
  const { budget, roundTimeout } = limits;
  if (budget !== null && seconds > budget) {
    return bad(
      name,
      `${detail}; the budget is ${formatDuration(budget)}`,
      "ask for a longer --budget or fewer --local-epochs, or give more cores or a GPU",
    );
  }
  if (roundTimeout !== null && seconds > roundTimeout) {
    return bad(
      name,
      `${detail}; a round ends after ${formatDuration(roundTimeout)}`,
      "ask for a longer --round-timeout or fewer --local-epochs, or give more cores or a GPU",
    );
  }
  return good(
    name,
    budget === null
      ? detail
      : `${detail}; the budget has room for ${
        plural(Math.floor(budget / (seconds - score + score / every)), "round")
      }`,
  );
}

/** The bandwidth as a check. */
export function checkBandwidth(bandwidth: number | null): Check {
  return bandwidth === null
    ? open("bandwidth", "not measured")
    : good("bandwidth", `${(bandwidth * 8 / 1e6).toFixed(1)} Mbit/s from the aggregator, a ranged pull`);
}

/** What is measured where no proposal is known. */
export const USUAL: EngineSettings = {
  network: "efficientnet_b0",
  channels: 1,
  preprocessing: preprocessingOf(1),
  labelRule: ANY_FINDING,
  recipe: preset("default"),
  seed: 0,
};

/** Loads the shard as training would and takes a few throw-away steps. */
export async function measureSteps(
  shard: Shard,
  options: {
    proposal: Proposal | null;
    libraries: Libraries;
    device: "auto" | "cpu" | "cuda";
    threads: number;
  },
): Promise<{ check: Check; stepsPerSecond: number | null }> {
  const { libraries, device, threads } = options;
  const proposal = options.proposal ?? USUAL;
  const { recipe } = proposal;
  try {
    using trainer = await EngineTrainer.create(proposal, { shards: [shard], libraries, device, threads });
    const stepsPerSecond = await trainer.stepsPerSecond();
    const images = (stepsPerSecond * recipe.batch).toFixed(0);
    const detail =
      `${stepsPerSecond.toFixed(2)} steps/s of ${plural(recipe.batch, "film")}, ${images} films/s, ` +
      `${trainer.info.device}, ${plural(trainer.info.threads, "thread")}`;
    return { check: good("speed", detail), stepsPerSecond };
  } catch (error) {
    const check = failed("speed", error, "see that libtorch and the engine fit, and take another --device");
    return { check, stepsPerSecond: null };
  }
}
