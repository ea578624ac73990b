/**
 * The silos of a row as their statements were judged.
 *
 * Why a key may change once, and never after a mask was made with it: a silo that has lost its state before that has lost
 * nothing but time; afterwards two updates of one round would be masked differently.
 */
import type { Issuer } from "../pki/issuer.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { SignedStatement } from "../protocol/messages.ts";
import { judgeStatement, type Member } from "./statements.ts";

/** What a silo remembers of another's statements in a run. */
export interface KnownStatement {
  signed: SignedStatement;
  /** SHA-256 of the public key of its certificate. */
  keyDigest: string;
  /** How often its key has changed. */
  changes: number;
  /** Whether an update was masked with it. */
  used: boolean;
}

/** What statements are judged against. */
export interface MemberContext {
  run: string;
  /** SHA-256 of the canonical proposal. */
  proposal: string;
  ca: Issuer;
  now: Date;
  /** Public keys of certificates by silo that the hospital's operator has compared, SHA-256; empty for none. */
  pins: ReadonlyMap<string, string>;
  known: Readonly<Record<string, KnownStatement>>;
}

/**
 * Judges the statements of `names`; who has stated nothing yet is no member, and no roster with it is masked for.
 * @returns the members by name, and what is to be remembered from now on
 * @throws {ProtocolError} `statement_refused`
 */
export function judgeMembers(
  statements: readonly SignedStatement[],
  names: readonly string[],
  context: MemberContext,
): { members: Map<string, Member>; known: Record<string, KnownStatement> } {
  const known: Record<string, KnownStatement> = { ...context.known };
  const members = new Map<string, Member>();
  for (const silo of names) {
    const found = statements.filter(({ statement }) => statement.silo === silo);
    if (found.length > 1) refuse(`one statement from ${silo}`, String(found.length));
    const [signed] = found;
    if (signed === undefined) continue;
    const before = known[silo];
    const member = judgeStatement(signed, { ...context, now: isSame(before, signed) ? null : context.now });
    checkPin(member, context.pins);
    known[silo] = rememberedOf(before, signed, member);
    members.set(silo, member);
  }
  checkDistinct([...members.values()]);
  return { members, known };
}

const isSame = (before: KnownStatement | undefined, { signature, certificate }: SignedStatement) =>
  before?.signed.signature === signature && before.signed.certificate === certificate;

/** A renewed certificate of the same key changes nothing. */
function rememberedOf(
  before: KnownStatement | undefined,
  signed: SignedStatement,
  { silo, publicKey, keyDigest }: Member,
): KnownStatement {
  if (before === undefined) return { signed, keyDigest, changes: 0, used: false };
  if (before.signed.statement.publicKey === publicKey && before.keyDigest === keyDigest) {
    return { ...before, signed };
  }
  if (before.used) refuse(`the keys of ${silo} that updates were masked with`, "other keys");
  if (before.changes > 0) refuse(`${silo} to come with other keys once at most`, "other ones again");
  return { signed, keyDigest, changes: before.changes + 1, used: false };
}

function checkPin({ silo, keyDigest }: Member, pins: ReadonlyMap<string, string>): void {
  if (pins.size === 0) return;
  const pinned = pins.get(silo);
  if (pinned === keyDigest) return;
  refuse(
    `the key ${pinned ?? "that is pinned"} of ${silo} (fedx peers)`,
    pinned === undefined ? "no pin" : keyDigest,
  );
}

/** One holder of a key under two names would be two of the cohort. */
function checkDistinct(members: readonly Member[]): void {
  for (const field of ["publicKey", "keyDigest", "serial"] as const) {
    const seen = new Map<string, string>();
    for (const member of members) {
      const other = seen.get(member[field]);
      if (other !== undefined) {
        refuse(`a key and certificate of its own for ${member.silo}`, `those of ${other}`);
      }
      seen.set(member[field], member.silo);
    }
  }
}

function refuse(expected: string, got: string): never {
  throw new ProtocolError("statement_refused", { expected, got });
}
