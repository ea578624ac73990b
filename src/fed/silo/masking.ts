/**
 * How a silo masks its updates: with keys of its own for each run, and for no roster that it has not judged.
 *
 * Why so much is durable before anything leaves: two updates of one round that are masked with the same keys for the
 * same silos tell their difference, and two sums over one base that differ by a silo tell about that silo's update. So a
 * silo that was killed at any moment sends the same bytes or none.
 */
import { canonical, canonicalDigest } from "../../files/canonical.ts";
import { fileDigest } from "../../files/digest.ts";
import type { Layout } from "../../model/layout.ts";
import { newMaskKeys } from "../masks/key_pair.ts";
import { countChanges } from "../masks/count_changes.ts";
import { judgeMembers } from "../masks/members.ts";
import { writeMasked } from "../masks/write_masked.ts";
import { type JudgedRoster, judgeRoster, signReady } from "../masks/readies.ts";
import { keyDigestOfPem, type Member, signStatement } from "../masks/statements.ts";
import type { Admission } from "../pki/admission.ts";
import { caDigest, issuerOf, onlyCertificate } from "../pki/issuer.ts";
import type { Identity } from "../pki/own_certificate.ts";
import { encodedBytes, MASKED } from "../protocol/encoding.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import { type Plan, planId, type Proposal, type RoundSettings } from "../protocol/messages.ts";
import type { Site } from "../state/site.ts";
import type { MaskedResult } from "../training/result.ts";
import type { Client } from "../wire/client.ts";
import type { SiloState, StoredPart } from "./state.ts";

/** What a silo masks with. */
export interface MaskingOptions {
  silo: string;
  state: SiloState;
  client: Pick<Client, "statement" | "statements" | "ready" | "roster">;
  site: Site;
  /** What says who the others are: keys that this silo has pinned, or the CA's holder alone. */
  trust: "pins" | "ca";
  /** What to sign with, as the certificate is now. */
  identity: () => Promise<Identity>;
  /** Which certificates are revoked. */
  admission: Pick<Admission, "check">;
  onEvent: OnEvent;
  faultPoint: FaultPoint;
}

/** A part in a row, and what its masks are made from. */
interface Masked {
  plan: Plan;
  row: RoundSettings;
  part: StoredPart;
  layout: Layout;
  /** Digest of the shard, and its training images. */
  shard: string;
  examples: number;
}

/** One silo's masks in one run. */
export class Masking {
  readonly #options: MaskingOptions;

  constructor(options: MaskingOptions) {
    this.#options = options;
  }

  /**
   * Says which key this silo agrees on masks with, the same again after a restart.
   * @throws {ProtocolError} `lost_keys` where masks were made with another
   */
  async introduce(run: string, proposal: Proposal): Promise<void> {
    const { state, silo, client, identity } = this.#options;
    const { masks } = state;
    const current = await identity();
    const wanted = { run, proposal: canonicalDigest(proposal) };
    const stored = masks.keys;
    const before = stored?.signed.statement;
    const same = stored !== null && before?.run === run && before.proposal === wanted.proposal &&
      stored.keyDigest === keyDigestOfPem(current.cert);
    if (same) this.#stateAnew(current);
    else {
      if (stored?.signed.statement.run === run && masks.last !== null) {
        throw lostKeys(stored.keyDigest, current);
      }
      const keys = await newMaskKeys();
      const statement = {
        ...{ type: "fedx statement", version: 1, ...wanted, silo, publicKey: keys.publicKey } as const,
      };
      const signed = signStatement(statement, current);
      masks.keys = { privateKey: keys.privateKey, signed, keyDigest: keyDigestOfPem(current.cert) };
    }
    await client.statement(masks.keys!.signed);
  }

  /**
   * Signs the statement again once the certificate is another one of the same key: who comes later judges its dates, and
   * the one of before may be revoked by then. Returns whether it is.
   */
  #stateAnew(current: Identity): boolean {
    const { masks } = this.#options.state;
    const { signed, keyDigest, privateKey } = masks.keys!;
    const renewed = signed.certificate !== onlyCertificate(current.cert).toHex();
    if (!renewed || keyDigest !== keyDigestOfPem(current.cert)) return false;
    masks.keys = { privateKey, keyDigest, signed: signStatement(signed.statement, current) };
    return true;
  }

  /** What the run's result says of its masks. */
  result({ masked }: Plan): MaskedResult {
    const { state, trust } = this.#options;
    return { smallest: state.masks.last?.smallest ?? masked!.minCohort, trust };
  }

  /** Whether this silo has signed a ready for the row. */
  isReady(row: RoundSettings): boolean {
    return this.#options.state.masks.ready?.signed.ready.row === canonicalDigest(row);
  }

  /** Says that the part is on disk: with the ready of before, byte for byte, where it is the same part of the same row. */
  async ready({ plan, row, part, examples }: Masked): Promise<void> {
    const { silo, state, client, identity, faultPoint } = this.#options;
    const { masks } = state;
    const current = await identity();
    if (this.#stateAnew(current)) await client.statement(masks.keys!.signed);
    const { members } = await this.#members(row, current);
    const stored = masks.ready;
    const mask = masks.last;
    const digest = canonicalDigest(row);
    if (mask?.row === digest && mask.delta !== part.sha256) throw otherUpdate(row.round);
    if (stored?.signed.ready.row !== digest || stored.delta !== part.sha256) {
      const { keyDigest } = members.get(silo)!;
      if (keyDigestOfPem(current.cert) !== keyDigest) throw lostKeys(keyDigest, current);
      const { publicKey } = masks.keys!.signed.statement;
      const signed = signReady({ plan, row, silo, publicKey, examples }, current.key);
      masks.ready = { signed, delta: part.sha256 };
      await faultPoint("ready_written");
    }
    await client.ready(row.round, masks.ready!.signed);
    await faultPoint("ready_sent");
  }

  /**
   * Masks the part for the roster of digest `roster`, and writes it to `masks.path`.
   * @returns SHA-256 of the file
   * @throws {ProtocolError} `roster_refused`, `statement_refused`, `second_roster`, `masked_before` · `roster_closed`
   * where the row goes on without this silo
   */
  async mask(masked: Masked, roster: string): Promise<string> {
    const { silo, state, client, site, identity, onEvent, faultPoint } = this.#options;
    const { masks } = state;
    const { plan, row, part, layout, shard, examples } = masked;
    const digest = canonicalDigest(row);
    const own = masks.ready;
    if (own?.signed.ready.row !== digest) throw notReady(silo, row);
    const { members, revoked } = await this.#members(row, await identity());
    const { readies } = await client.roster(row.round);
    for (const { ready } of readies) if (revoked.has(ready.silo)) throw revoked.get(ready.silo)!;
    const judged = judgeRoster(readies, { ...masked, silo, own: own.signed, members });
    if (judged.digest !== roster) {
      throw new ProtocolError("roster_refused", { expected: `the roster ${roster}`, got: judged.digest });
    }
    if (own.delta !== part.sha256) throw otherUpdate(row.round);
    const before = masks.last;
    const again = before?.row === digest;
    if (again && before.roster !== roster) throw secondRoster(before, judged);
    const changes = again ? before.changes : countChanges(before, judged.names, masked);
    site.noteMasked({ silo, shard, base: row.base, names: judged.names });
    if (again && await fileDigest(masks.path) === before.sha256) return before.sha256;
    const written = await writeMasked({
      delta: part.sha256 === null ? null : state.updatePath,
      out: masks.path,
      ...{ layout, scale: row.scale, examples },
      number: plan.silos.indexOf(silo) + 1,
      privateKey: masks.keys!.privateKey,
      peers: judged.names.filter((name) => name !== silo).map((name) => ({
        number: plan.silos.indexOf(name) + 1,
        publicKey: members.get(name)!.publicKey,
      })),
      context: { plan: planId(plan), row: digest, roster },
    });
    if (part.sha256 !== null && written.delta !== part.sha256) {
      throw new ProtocolError("damaged_state", {
        expected: `an update of SHA-256 ${part.sha256}`,
        got: `${written.delta}`,
      });
    }
    if (again && written.sha256 !== before.sha256) throw otherUpdate(row.round);
    const { sha256 } = written;
    const bytes = encodedBytes(layout.length, MASKED);
    masks.commit({
      round: row.round,
      row: digest,
      roster,
      names: judged.names,
      delta: part.sha256,
      sha256,
      changes,
      smallest: Math.min(before?.smallest ?? Infinity, judged.names.length),
    });
    onEvent({ type: "roster", round: row.round, sha256: roster, silos: judged.names });
    onEvent({ type: "masked", round: row.round, sha256, bytes });
    await faultPoint("masked");
    return sha256;
  }

  /**
   * The row's silos, as their statements are now; what was seen of them is kept. One that is revoked is in no roster, but
   * a row that was opened before goes on without it: `revoked` says why.
   */
  async #members(
    row: RoundSettings,
    { ca: pem }: Identity,
  ): Promise<{ members: Map<string, Member>; revoked: Map<string, ProtocolError> }> {
    const { silo, state, client, site, admission } = this.#options;
    const { masks } = state;
    const { statements } = await client.statements();
    const { statement } = masks.keys!.signed;
    const ca = caDigest(pem);
    const judged = judgeMembers(statements, row.roster, {
      run: statement.run,
      proposal: statement.proposal,
      ca: issuerOf(pem),
      now: new Date(),
      pins: site.pinned(ca),
      known: masks.known,
    });
    const own = judged.members.get(silo)?.publicKey;
    if (own !== statement.publicKey) {
      throw new ProtocolError("statement_refused", {
        expected: "this silo's own statement",
        got: own === undefined ? "none" : "another",
      });
    }
    const revoked = new Map<string, ProtocolError>();
    for (const member of judged.members.values()) {
      await admission.check(member).catch((error) => revoked.set(member.silo, refusalOf(error)));
      const { silo, keyDigest: key } = member;
      if (masks.known[silo]?.keyDigest !== key) {
        site.noteSeen(ca, { silo, key, at: new Date().toISOString() });
      }
    }
    if (canonical(judged.known) !== canonical(masks.known)) masks.known = judged.known;
    return { members: judged.members, revoked };
  }
}

/** What the aggregator says to a silo that it does not serve is said of another one here. @throws every other error */
function refusalOf(error: unknown): ProtocolError {
  if (!(error instanceof ProtocolError) || error.code !== "certificate_revoked") throw error;
  const { expected, got } = error;
  return new ProtocolError("statement_refused", { expected, got, cause: error });
}

function lostKeys(before: string, { cert }: Identity): ProtocolError {
  return new ProtocolError("lost_keys", {
    expected: `the certificate's key ${before}`,
    got: keyDigestOfPem(cert),
  });
}

/** A row whose roster is settled goes on without a silo that was not ready for it. */
function notReady(silo: string, { round }: RoundSettings): ProtocolError {
  return new ProtocolError("roster_closed", {
    expected: `a ready of ${silo} in round ${round}`,
    got: "none",
  });
}

function otherUpdate(round: number): ProtocolError {
  return new ProtocolError("second_roster", {
    expected: `the update of round ${round} that this silo was ready with`,
    got: "another one: its file was lost, and training did not give it again",
  });
}

function secondRoster(before: { roster: string; names: string[] }, judged: JudgedRoster): ProtocolError {
  const text = ({ names }: { names: string[] }, digest: string) =>
    `${names.join(", ")} (${digest.slice(0, 12)})`;
  return new ProtocolError("second_roster", {
    expected: `the roster that it was masked for, ${text(before, before.roster)}`,
    got: text(judged, judged.digest),
  });
}
