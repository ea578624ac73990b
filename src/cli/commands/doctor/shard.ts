// Why: a shard that does not suit the proposal is refused at the join; this says so before the day of the run.
import { classPatients } from "../../../data/class_patients.ts";
import { checkTrainable } from "../../../data/classes.ts";
import { Shard, SPLITS } from "../../../data/shard.ts";
import { factsOf } from "../../../fed/training/shard_facts.ts";
import type { Proposal } from "../../../fed/protocol/messages.ts";
import { checkLimits, checkPatients, type Limits } from "../../../fed/silo/limits.ts";
import { checkRegistration } from "../../../fed/protocol/registration.ts";
import { fewPatients, MORE_PATIENTS } from "../../output/few_patients.ts";
import { type Check, failed, good, open } from "./check.ts";
import { plural } from "../../../plural.ts";

const PREPARE = "prepare it again with `fedx prepare`";

/** Opens the shard, checksums included. */
export async function openShard(dir: string | undefined): Promise<{ check: Check; shard: Shard | null }> {
  const name = "shard";
  if (dir === undefined) return { check: open(name, "no folder named", "give --shard"), shard: null };
  try {
    const shard = await Shard.open(dir, { verify: true });
    checkTrainable(shard);
    const { counts, size } = shard.manifest;
    const splits = SPLITS.map((split) => `${counts[split].images} ${split}`).join(", ");
    return { check: good(name, `${plural(shard.count, "film")} of ${size} px: ${splits}`), shard };
  } catch (error) {
    return { check: failed(name, error, PREPARE), shard: null };
  }
}

/** Whether val and test have the patients that an AUROC needs; a run is possible without. */
export function checkSplits(
  { findings, patients, splits }: Pick<Shard, "findings" | "patients" | "splits">,
  labelRule: string,
): Check[] {
  const name = "patients";
  if (findings.unanswered(labelRule).length > 0) {
    return [open(name, "the shard cannot answer the label rule")];
  }
  const few = fewPatients(classPatients({ labels: findings.positives(labelRule), patients, splits }));
  if (few.length === 0) return [good(name, "val and test have enough of each class for an AUROC")];
  return few.map((text) => good(name, text, MORE_PATIENTS));
}

/** Whether it suits the proposal (size, preprocessing, label rule, classes by it, one batch), and the operator's veto. */
export function checkShard(
  shard: Pick<Shard, "manifest" | "findings" | "counts"> | null,
  options: { proposal: Proposal | null; accept?: Limits },
): Check[] {
  const { proposal, accept } = options;
  if (proposal === null || shard === null) {
    const missing = proposal === null ? "no proposal to compare with" : "no shard to compare";
    return [open("proposal", missing), open("veto", missing)];
  }
  const compare = (name: string, fine: string, test: () => void): Check => {
    try {
      test();
      return good(name, fine);
    } catch (error) {
      return failed(name, error, PREPARE);
    }
  };
  const { network, size, recipe, silos } = proposal;
  const asked = `${network}, ${size} px, recipe ${recipe.name} with batches of ${recipe.batch}, silos ${
    silos.join(", ")
  }`;
  const facts = () => factsOf([shard], proposal);
  return [
    compare("proposal", `the shard suits it: ${asked}`, () => checkRegistration(proposal, facts())),
    compare(
      "veto",
      accept === undefined
        ? "no accept in the settings: everything but too few patients"
        : accept.maxPasses === undefined || proposal.budget === null
        ? "accept allows it"
        : "accept allows it; under a budget max_passes is looked at round by round",
      () => {
        checkLimits(proposal, accept);
        checkPatients(shard.manifest.counts.train, accept);
      },
    ),
  ];
}
