/**
 * A role's part in the audit: it signs where its log stands, hands that to the other role and keeps the other's.
 *
 * Why beside updates and receipts alone: each of them is a word that the other side acts on, and after each both hold a
 * head of the other that covers it. Who would change a line below it would have to change the other's log too.
 */
import { canonical } from "../../files/canonical.ts";
import type { Identity } from "../pki/own_certificate.ts";
import { issuerOf } from "../pki/issuer.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { ChainHead, Heads, SignedHead } from "../protocol/signed_head.ts";
import { checkHead, signHead, type Whose } from "./sign.ts";

/** What a role's audit needs of the log that its events are written to. */
export interface AuditLog {
  /** Makes all that was written durable, and says where the log stood then; null where it has nothing or its disk fails. */
  sync(): Promise<ChainHead | null>;
}

export interface AuditOptions extends Whose {
  /** Where this role's events are written. */
  log: AuditLog;
  /** What it signs with, and whose CA it trusts. */
  identity: () => Identity;
  onEvent: OnEvent;
  /** @default new Date() */
  now?: () => Date;
}

/** The signed heads of one role's log, and the newest ones of the others. */
export class Audit {
  readonly #options: AuditOptions;
  /** By role: its newest head, and the one of this role's that it was shown last. */
  readonly #taken = new Map<string, SignedHead>();
  readonly #shown = new Map<string, string>();
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<SignedHead | null> | null = null;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  /**
   * Signs where the log stands now, once that is durable; the signature is its next line. Who asks while a signature is
   * under way shares the next one: a round's many receipts cost few syncs. Null for a log that cannot be made durable.
   */
  sign(): Promise<SignedHead | null> {
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      const signed = this.#sign();
      this.#running = signed.catch(() => {});
      return signed;
    });
    return this.#next;
  }

  async #sign(): Promise<SignedHead | null> {
    const { log, run, role, identity, onEvent, now = () => new Date() } = this.#options;
    const at = await log.sync();
    if (at === null) return null;
    const head = signHead(at, { run, role, identity: identity(), now: now() });
    onEvent({ type: "head", head });
    return head;
  }

  /** What goes to `peer`, a role, now; undefined where there is no head. */
  async show(peer: string): Promise<Heads | undefined> {
    const own = await this.sign();
    if (own === null) return undefined;
    this.#shown.set(peer, canonical(own));
    return { own, held: this.#taken.get(peer) ?? null };
  }

  /** The answer to `peer`, where it has shown its head to this process. */
  async answer(peer: string): Promise<Heads | undefined> {
    return this.#taken.has(peer) ? await this.show(peer) : undefined;
  }

  /** Keeps what `peer`, a role, has shown. @throws {ProtocolError} `bad_head` */
  take(peer: string, heads: Heads): void {
    const { run, role, identity, onEvent } = this.#options;
    const ca = issuerOf(identity().ca);
    const { own: head, held } = heads;
    checkHead(head, { run, role: peer, ca });
    // A signature that this process has just made need not be looked at.
    if (held !== null && canonical(held) !== this.#shown.get(peer)) checkHead(held, { run, role, ca });
    this.#taken.set(peer, head);
    const mine = held && { lines: held.head.lines, digest: held.head.digest };
    onEvent({ type: "head_taken", head, held: mine });
  }
}
