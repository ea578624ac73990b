/**
 * Makes readies, and judges the roster that they are: what a silo masks an update for.
 *
 * Why everything is checked by every silo: the aggregator may lie about who is there, and may show each silo another
 * row or another roster, so that a sum is over fewer silos than they think. The digest of the readies goes into every
 * mask: masks made for two different rosters do not cancel.
 */
import { canonicalDigest } from "../../files/canonical.ts";
import { scaleFor } from "../maths/exact_sum.ts";
import { stepsOf } from "../maths/stretch.ts";
import { MOST_IMAGES } from "../protocol/claims.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { type Plan, planId, type Ready, type RoundSettings, type SignedReady } from "../protocol/messages.ts";
import { plural } from "../../plural.ts";
import { rosterDigest } from "./roster_digest.ts";
import { isSignedBy, signCanonical } from "../pki/signed.ts";
import type { Member } from "./statements.ts";

/** A ready for a row, signed with the key, PEM, of the silo's certificate. */
export function signReady(
  of: { plan: Plan; row: RoundSettings; silo: string; publicKey: string; examples: number },
  key: string,
): SignedReady {
  const { plan, row, silo, publicKey, examples } = of;
  const ready: Ready = {
    ...{ type: "fedx ready", version: 1, run: row.run, plan: planId(plan), row: canonicalDigest(row) },
    ...{ silo, publicKey, examples, nonce: crypto.getRandomValues(new Uint8Array(16)).toHex() },
  };
  return { ready, signature: signCanonical(ready, key) };
}

/** What a roster is judged against. */
export interface RosterContext {
  silo: string;
  /** This silo's own ready. */
  own: SignedReady;
  plan: Plan;
  row: RoundSettings;
  /** The row's silos by name, as their statements were judged. */
  members: ReadonlyMap<string, Member>;
}

/** Whom an update is masked for. */
export interface JudgedRoster {
  /** In the proposal's order. */
  names: string[];
  digest: string;
}

function refuse(expected: string, got: string): never {
  throw new ProtocolError("roster_refused", { expected, got });
}

/**
 * Judges the readies of a row.
 * @throws {ProtocolError} `roster_refused` · `roster_closed` where this silo is not among them
 */
export function judgeRoster(readies: readonly SignedReady[], context: RosterContext): JudgedRoster {
  const { silo, own, plan, row } = context;
  const names = readies.map(({ ready }) => ready.silo);
  if (!names.includes(silo)) {
    throw new ProtocolError("roster_closed", {
      expected: `${silo} in the roster of round ${row.round}`,
      got: names.join(", "),
    });
  }
  const ordered = plan.silos.filter((name) => row.roster.includes(name) && names.includes(name));
  if (ordered.join() !== names.join()) {
    refuse(`silos of round ${row.round}, each once, in the proposal's order`, names.join(", ").slice(0, 300));
  }
  const { minCohort } = plan.masked!;
  if (names.length < minCohort) {
    refuse(`at least ${plural(minCohort, "silo")} in a sum`, names.join(", "));
  }
  const digests = { run: row.run, plan: planId(plan), row: canonicalDigest(row) };
  for (const one of readies) checkReady(one, digests, context.members);
  const mine = readies.find(({ ready }) => ready.silo === silo)!;
  if (canonicalDigest(mine.ready) !== canonicalDigest(own.ready)) {
    refuse("this silo's own ready, as it was sent", "another");
  }
  checkSteps(readies, context);
  checkExponents(readies, context);
  return { names, digest: rosterDigest(readies.map(({ ready }) => ready)) };
}

function checkReady(
  { ready, signature }: SignedReady,
  digests: Pick<Ready, "run" | "plan" | "row">,
  members: RosterContext["members"],
): void {
  const { silo } = ready;
  const member = members.get(silo);
  if (member === undefined) return refuse(`a statement of ${silo}`, "none");
  const wanted = { ...digests, publicKey: member.publicKey };
  for (const field of ["run", "plan", "row", "publicKey"] as const) {
    const expected = wanted[field];
    if (ready[field] !== expected) refuse(`${field} ${expected} in the ready of ${silo}`, ready[field]);
  }
  if (!isSignedBy(ready, signature, member.key)) {
    refuse(`a ready signed by the key of ${silo}'s certificate`, "another");
  }
}

/**
 * Who has no step adds zeros: the sum is over the others, and rows in which now these and now those train would be sums
 * over other rosters that nobody counts. An honest row has a step for everybody (`checkRegistration`, `planRow`).
 */
function checkSteps(readies: readonly SignedReady[], { plan, row }: RosterContext): void {
  const { recipe: { batch } } = plan;
  const training = readies.filter(({ ready: { silo, examples } }) =>
    stepsOf(row.silos[silo], { train: examples, batch }).steps > 0
  );
  if (training.length === 0 || training.length === readies.length) return;
  refuse(
    `a step in round ${row.round} for every silo of the roster, or for none`,
    `for ${training.map(({ ready }) => ready.silo).join(", ")} alone`,
  );
}

/**
 * With coarse exponents small changes are rounded to zero, and what is left may be the largest silo's update alone. So they
 * must be those for the images of the row's silos. How many one has that is not ready, nobody here knows; nor whom a
 * row was for that is replayed.
 */
function checkExponents(
  readies: readonly SignedReady[],
  { plan, row: { round, scale } }: RosterContext,
): void {
  const known = readies.reduce((sum, { ready: { examples } }) => sum + examples, 0);
  const most = known + (plan.silos.length - readies.length) * MOST_IMAGES;
  const [finest, coarsest] = [known, most].map((total) => scaleFor(Math.min(total, 2 ** 32)));
  for (const block of ["weights", "statistics"] as const) {
    if (scale[block] >= coarsest[block] && scale[block] <= finest[block]) continue;
    const expected = `an exponent of ${coarsest[block]} to ${
      finest[block]
    } for the ${block} in round ${round}`;
    refuse(expected, String(scale[block]));
  }
}
