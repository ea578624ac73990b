/** Who takes part: what a registration must satisfy, and the plan that freezes when all have joined. */
import { MOST_IMAGES } from "./aggregate.ts";
import { ProtocolError } from "./errors.ts";
import type { Plan, Proposal, Registration, SplitCounts } from "./protocol.ts";
import type { Run } from "./run.ts";
import { checkShare } from "./share.ts";

/** The registered fields that must stay the same for a whole run, and the code that says so. */
const KEPT = [["shard", "shard_changed"], ["splits", "shard_changed"], ["build", "other_device"], [
  "threads",
  "other_device",
], [
  "device",
  "other_device",
]] as const;

/**
 * Takes a registration, or the same one again.
 * @throws {ProtocolError} naming the field and both values.
 */
export function join(run: Run, silo: string, registration: Registration): void {
  if (registration.silo !== silo) {
    throw new ProtocolError("wrong_name", {
      expected: `the name of the certificate, ${silo}`,
      got: registration.silo,
    });
  }
  checkRegistration(run.proposal, registration);
  // Whom the plan is without: those in it were weighed when it froze.
  const late = run.plan !== null && !run.plan.roster.includes(silo);
  if (late && run.recording === null) checkShare(run, registration);
  for (const [name, other] of run.joined) {
    if (name !== silo && other.shard === registration.shard && !run.allowSameShard) {
      throw new ProtocolError("same_shard", { expected: "a shard of its own", got: `the shard of ${name}` });
    }
  }
  checkKept(run, registration);
  run.state.saveRegistration(registration);
  run.joined.set(silo, registration);
  run.onEvent({ type: "joined", silo, registration });
  run.notify();
}

/** From the plan on a registration stands, that of a silo which came after it too. */
function checkKept(run: Run, registration: Registration): void {
  const before = run.plan === null ? undefined : run.joined.get(registration.silo);
  if (before === undefined) return;
  for (const [field, code] of KEPT) {
    const [expected, got] = [before, registration].map((one) => JSON.stringify(one[field]));
    if (expected === got) continue;
    throw new ProtocolError(code, { expected: `${field} ${expected}`, got });
  }
}

/**
 * Whether a shard suits a proposal; both sides ask, the silo before it connects its engine.
 * @throws {ProtocolError} `impossible_counts`, `other_data`, `empty_class`, `too_few_images`.
 */
export function checkRegistration(
  proposal: Proposal,
  shard: Pick<Registration, "size" | "kernel" | "fit" | "labelRule" | "splits">,
): void {
  for (const [split, counts] of Object.entries(shard.splits)) checkCounts(split, counts);
  const wanted = {
    size: proposal.size,
    kernel: proposal.preprocessing.kernel,
    fit: proposal.preprocessing.fit,
    labelRule: proposal.labelRule,
  };
  for (const field of ["size", "kernel", "fit", "labelRule"] as const) {
    if (shard[field] === wanted[field]) continue;
    throw new ProtocolError("other_data", {
      expected: `${field} ${wanted[field]}`,
      got: String(shard[field]),
      remedy: `fedx prepare --images DIR --labels CSV --size ${proposal.size} --out SHARD`,
    });
  }
  for (const split of ["train", "val"] as const) {
    const { images, positives } = shard.splits[split];
    if (positives > 0 && positives < images) continue;
    throw new ProtocolError("empty_class", {
      expected: `both classes in ${split}`,
      got: `${positives} positive of ${images} images`,
    });
  }
  const fewest = Math.ceil(proposal.recipe.batch / Math.min(1, proposal.localEpochs));
  if (shard.splits.train.images < fewest) {
    throw new ProtocolError("too_few_images", {
      expected: `at least ${fewest} training images, one batch a round`,
      got: `${shard.splits.train.images}`,
    });
  }
}

/** @throws {ProtocolError} `impossible_counts` */
function checkCounts(split: string, { images, patients, positives }: SplitCounts): void {
  const sound = images <= MOST_IMAGES && patients <= images && positives <= images;
  if (sound) return;
  throw new ProtocolError("impossible_counts", {
    expected: `at most ${MOST_IMAGES} images in ${split}, and no more patients or positives than images`,
    got: `${images} images of ${patients} patients, ${positives} positive`,
  });
}

/** The plan of those who joined: class weights come from the pooled training counts, w_c = N / (2 N_c). */
export function planOf(proposal: Proposal, registrations: Iterable<Registration>): Plan {
  const joined = [...registrations];
  const roster = proposal.silos.filter((silo) => joined.some((one) => one.silo === silo));
  const pooled = { images: 0, positives: 0 };
  for (const { splits: { train } } of joined) {
    pooled.images += train.images;
    pooled.positives += train.positives;
  }
  return { ...proposal, roster, pooled, classWeights: classWeightsOf(proposal, pooled) };
}

/** [w0, w1] of the pooled counts, or [1, 1] when the recipe uses none. */
export function classWeightsOf(
  proposal: Pick<Proposal, "recipe">,
  { images, positives }: Plan["pooled"],
): [number, number] {
  if (!proposal.recipe.loss.classWeights) return [1, 1];
  return [images / (2 * (images - positives)), images / (2 * positives)];
}
