/**
 * What a masked run asks of the aggregator: it hands on what the silos state, settles for each row whom its updates are
 * masked for, and learns nothing but their sum.
 *
 * Why the roster is settled when the updates are there: a silo that is lost while it trains costs nothing then. Why it is
 * settled for good: a second roster for one row would give two sums that differ by one silo's update.
 */
import { canonicalDigest } from "../../files/canonical.ts";
import { isSignedBy } from "../pki/signed.ts";
import { judgeStatement } from "../masks/statements.ts";
import { keyDigestOf, keyOf, readCertificate } from "../pki/der_certificate.ts";
import {
  planId,
  type RoundSettings,
  type SignedReady,
  type SignedStatement,
  type Statement,
} from "../protocol/messages.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { ALIVE } from "./attendance.ts";
import { checkOpen } from "./check_open.ts";
import { quorumAmong, quorumNow, type Wanted } from "./quorum.ts";
import { rosterBefore } from "./roster_before.ts";
import type { Run } from "./run.ts";

/**
 * Takes a silo's statement.
 * @throws {ProtocolError} `bad_request`, `wrong_name`, `statement_refused` · `lost_keys` where its keys are others than
 * those that masks were made with, or change for the second time
 */
export function takeStatement(run: Run, silo: string, signed: SignedStatement): void {
  const { statement } = signed;
  if (run.proposal.masked === null) {
    throw new ProtocolError("bad_request", { expected: "no statement in a run without masks", got: "one" });
  }
  if (statement.silo !== silo) {
    throw new ProtocolError("wrong_name", {
      expected: `the name of the certificate, ${silo}`,
      got: statement.silo,
    });
  }
  // Every silo judges it again. Looked at here, one that is no good ends one silo's part and not the run.
  const proposal = canonicalDigest(run.proposal);
  const { keyDigest } = judgeStatement(signed, { run: run.id, proposal, ca: run.ca!, now: new Date() });
  checkOwnKeys(run, statement, keyDigest);
  const before = run.state.masks.statements.get(silo);
  if (before === undefined) return run.masks.state(signed, 0);
  const { publicKey } = before.signed.statement;
  if (publicKey === statement.publicKey) return run.masks.state(signed, before.changes);
  const used = [...run.state.masks.rosters.values()].some(({ names }) => names.includes(silo));
  if (used || before.changes > 0) {
    throw new ProtocolError("lost_keys", {
      expected: `the public key ${publicKey}`,
      got: statement.publicKey,
    });
  }
  run.masks.state(signed, before.changes + 1);
}

/**
 * Takes a silo's ready for the open row; until the roster is settled its newest counts.
 * @throws {ProtocolError} `no_round`, `round_closed`, `not_in_roster`, `statement_refused`, `wrong_examples`, `roster_closed`
 */
export function takeReady(
  run: Run,
  silo: string,
  { round, signed }: { round: number; signed: SignedReady },
): void {
  const { ready } = signed;
  const row = checkOpen(run, round);
  if (!row.roster.includes(silo)) {
    throw new ProtocolError("not_in_roster", { expected: `one of ${row.roster.join(", ")}`, got: silo });
  }
  checkReady(run, silo, { row, signed });
  const settled = run.state.masks.rosters.get(round);
  if (settled === undefined) return run.masks.ready(round, signed);
  const mine = settled.readies.find((one) => one.ready.silo === silo);
  if (mine !== undefined && canonicalDigest(mine.ready) === canonicalDigest(ready)) return;
  throw new ProtocolError("roster_closed", {
    expected: `the readies that were settled, of ${settled.names.join(", ")}`,
    got: `${mine === undefined ? "one" : "another"} of ${silo}`,
  });
}

/** @throws {ProtocolError} `statement_refused` where another silo has stated one of these keys */
function checkOwnKeys({ state }: Run, { silo, publicKey }: Statement, keyDigest: string): void {
  for (const [name, { signed: other }] of state.masks.statements) {
    if (name === silo) continue;
    const shared = other.statement.publicKey === publicKey || keyDigestOf(certificateOf(other)) === keyDigest;
    if (!shared) continue;
    throw new ProtocolError("statement_refused", {
      expected: `keys of its own from ${silo}`,
      got: `those of ${name}`,
    });
  }
}

const certificateOf = ({ certificate }: SignedStatement) => readCertificate(Uint8Array.fromHex(certificate));

/** @throws {ProtocolError} `statement_refused` unless the key of the silo's certificate has signed it */
function checkSignature(run: Run, { ready, signature }: SignedReady): void {
  const { signed } = run.state.masks.statements.get(ready.silo)!;
  if (isSignedBy(ready, signature, keyOf(certificateOf(signed)))) return;
  const expected = `a ready signed by the key of ${ready.silo}'s certificate`;
  throw new ProtocolError("statement_refused", { expected, got: "another" });
}

function checkReady(
  run: Run,
  silo: string,
  { row, signed }: { row: RoundSettings; signed: SignedReady },
): void {
  const { ready } = signed;
  const { publicKey } = run.state.masks.statements.get(silo)!.signed.statement;
  const wanted = [
    ["silo", silo, "wrong_name"],
    ["run", run.id, "other_run"],
    ["plan", planId(run.state.plan!), "statement_refused"],
    ["row", canonicalDigest(row), "statement_refused"],
    ["publicKey", publicKey, "statement_refused"],
    ["examples", run.examples(silo), "wrong_examples"],
  ] as const;
  for (const [field, expected, code] of wanted) {
    if (ready[field] === expected) continue;
    throw new ProtocolError(code, { expected: `${field} ${expected} in a ready`, got: String(ready[field]) });
  }
  checkSignature(run, signed);
}

/** The readies for a row; those of a silo that has gone since do not count before the roster is settled. */
export function wantedReadies(
  run: Run,
  row: RoundSettings,
  options: Pick<Wanted, "giveUp" | "signal">,
): Wanted {
  const { round, roster } = row;
  const wanted = roster.filter((silo) => !run.away.isLeftOut(silo));
  const { minCohort } = run.proposal.masked!;
  return {
    what: "readies",
    round,
    roster: () => wanted,
    has: (silo) => isReady(run, silo),
    least: rosterBefore(run.state)?.fixed
      ? wanted.length
      : Math.max(quorumAmong(run, wanted.length), minCohort),
    ...options,
  };
}

/** The updates of a row whose roster is settled: nobody of it can be missing from the sum. */
export function wantedOfRoster(run: Run, round: number, options: Pick<Wanted, "giveUp" | "signal">): Wanted {
  const { names } = run.state.masks.rosters.get(round)!;
  const has = (silo: string) => run.state.counted(round).has(silo);
  return { what: "masked updates", round, roster: () => [...names], has, least: names.length, ...options };
}

/** Settles the roster of an open row: all who are ready and there. */
export async function settleRoster(run: Run, { round, roster }: RoundSettings): Promise<void> {
  const ready = run.proposal.silos.filter((silo) => roster.includes(silo) && isReady(run, silo));
  await run.faultPoint("before_roster");
  run.masks.settle(round, ready.map((silo) => run.state.masks.readies.get(silo)!));
  await run.faultPoint("roster_settled");
}

/** A silo that has lost its state, and its keys with it, has nothing that its ready of before could stand for. */
function isReady(run: Run, silo: string): boolean {
  const { readies, statements } = run.state.masks;
  const stated = statements.get(silo)?.signed.statement.publicKey;
  return readies.get(silo)?.ready.publicKey === stated && stated !== undefined &&
    run.attendance.isHeard(silo, ALIVE) && !run.away.isLeftOut(silo);
}

/** Fewest silos in a sum of this run. */
export function fewest(run: Run): number {
  return Math.max(quorumNow(run), run.proposal.masked!.minCohort);
}
