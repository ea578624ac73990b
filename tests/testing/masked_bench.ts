/** A masked run whose first round is open, and its handler, without a socket: with certificates, real statements. */
import { assertEquals } from "@std/assert";
import { canonicalDigest } from "../../src/files/canonical.ts";
import { planOf } from "../../src/fed/aggregator/join.ts";
import { openRound } from "../../src/fed/aggregator/open_round.ts";
import type { Run } from "../../src/fed/aggregator/run.ts";
import { AggregatorState } from "../../src/fed/aggregator/state.ts";
import { newMaskKeys } from "../../src/fed/masks/key_pair.ts";
import { signStatement } from "../../src/fed/masks/statements.ts";
import { issuerOf } from "../../src/fed/pki/issuer.ts";
import { type Identity, readIdentity } from "../../src/fed/pki/own_certificate.ts";
import type {
  Proposal,
  Registration,
  RoundSettings,
  SignedStatement,
} from "../../src/fed/protocol/messages.ts";
import { MASKED, withFederation } from "./fake_federation.ts";
import { type Bench, openBench, registration } from "./open_round.ts";

export interface MaskedBench extends Bench {
  /** By silo. */
  identities: Record<string, Identity>;
  /** The open one. */
  row: RoundSettings;
}

/** What the silos of a run state, in its order: each call with other keys. */
export async function statedBy(run: Run, identities: Record<string, Identity>): Promise<SignedStatement[]> {
  const proposal = canonicalDigest(run.proposal);
  return await Promise.all(run.proposal.silos.map(async (silo) => {
    const { publicKey } = await newMaskKeys();
    const fixed = { type: "fedx statement", version: 1 } as const;
    return signStatement({ ...fixed, run: run.id, proposal, silo, publicKey }, identities[silo]);
  }));
}

/**
 * A masked run whose silos, a, b and c by default, have joined; round 1 is open, nobody is ready.
 * @param changes of the proposal, and of what each silo registers
 */
export function withMaskedRound(
  body: (bench: MaskedBench) => void | Promise<void>,
  changes: { proposal?: Partial<Proposal>; registered?: (silo: string) => Partial<Registration> } = {},
): Promise<void> {
  const { proposal, registered = () => ({}) } = changes;
  return withFederation(async (dir) => {
    using state = await AggregatorState.open(`${dir}/state-aggregator`);
    const ca = issuerOf(await Deno.readTextFile(`${dir}/ca/ca.pem`));
    const bench = await openBench(state, dir, { ...MASKED, ...proposal }, { ca });
    const { run, send } = bench;
    const identities: Record<string, Identity> = {};
    for (const silo of run.proposal.silos) identities[silo] = await readIdentity(`${dir}/tls-${silo}`);
    for (const signed of await statedBy(run, identities)) {
      const { silo } = signed.statement;
      assertEquals((await send(silo, "POST", "/v1/statement", signed)).status, 200);
      const joining = { ...registration(silo), ...registered(silo) };
      assertEquals((await send(silo, "POST", "/v1/join", joining)).status, 200);
    }
    run.freeze(planOf(run.proposal, state.joined.values()));
    const { row } = openRound(run)!;
    await body({ ...bench, identities, row });
  }, proposal?.silos);
}
