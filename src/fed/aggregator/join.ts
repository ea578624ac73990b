/** Who takes part, and the plan that freezes when all have joined. */
import { ProtocolError } from "../protocol/errors.ts";
import type { Plan, Proposal, Registration } from "../protocol/messages.ts";
import type { Run } from "./run.ts";
import { checkShare, imagesOf } from "./max_share.ts";
import { checkRegistration } from "../protocol/registration.ts";
import { classWeightsOf } from "../maths/class_weights.ts";

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
  checkRegistration(run.proposal, registration, { flower: run.proposal.flower.includes(silo) });
  const { joined, plan } = run.state;
  // Whom the plan is without: those in it were weighed when it froze.
  const late = plan !== null && !plan.roster.includes(silo);
  if (late && run.recording === null) {
    checkShare(registration, { joined: joined.values(), maxShare: run.maxShare });
  }
  for (const [name, other] of joined) {
    if (name !== silo && other.shard === registration.shard && !run.allowSameShard) {
      throw new ProtocolError("same_shard", { expected: "a shard of its own", got: `the shard of ${name}` });
    }
  }
  checkKept(run, registration);
  if (run.proposal.masked !== null && !run.state.masks.statements.has(silo)) {
    throw new ProtocolError("no_statement", {
      expected: `a statement of ${silo} before it joins`,
      got: "none",
    });
  }
  run.join(registration);
}

/** From the plan on a registration stands, that of a silo which came after it too. */
function checkKept({ state }: Run, registration: Registration): void {
  const before = state.plan === null ? undefined : state.joined.get(registration.silo);
  if (before === undefined) return;
  for (const [field, code] of KEPT) {
    const [expected, got] = [before, registration].map((one) => JSON.stringify(one[field]));
    if (expected === got) continue;
    throw new ProtocolError(code, { expected: `${field} ${expected}`, got });
  }
}

/**
 * Whether each of those who joined has no more than its share, before the plan freezes. The registration of one that has
 * more is forgotten, so that it may come again with other counts; all else stays, and the same command with a larger
 * share goes on.
 * @throws {ProtocolError} `share_too_large`, naming the silo with the most images.
 */
export function checkShares(run: Run): void {
  const joined = [...run.state.joined.values()];
  const [largest] = joined.toSorted((a, b) => imagesOf(b) - imagesOf(a));
  try {
    checkShare(largest, { joined, maxShare: run.maxShare });
  } catch (error) {
    run.forget(largest.silo);
    throw error;
  }
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
