/**
 * The aggregator's door: whether a certificate that passed the handshake is still good.
 *
 * Why it fails closed: a list that is damaged, forged, older than one seen before, or gone may be hiding a name. Then
 * nobody is served, and silos wait with a retryable answer until the operator has put the list right; an aggregator
 * that starts with such a list ends with the same sentence. No list at all, from the start, means that none is revoked.
 * The highest number seen is kept in the aggregator's state: to take the list away and start again hides nothing.
 */
import { stat } from "node:fs/promises";
import { ProtocolError } from "../protocol/errors.ts";
import type { OnEvent } from "../protocol/event.ts";
import { caDigest } from "./issuer.ts";
import type { SiloPeer } from "./peer.ts";
import { LIST_NAME, readList, type Revoked } from "./revocation.ts";

/** What is known of the list's file since it was last read. */
interface Seen {
  /** Identity of the file's content: inode, size and time of change; "" for no file. */
  stamp: string;
  number: number;
  revoked: Map<string, Revoked>;
  fault: ProtocolError | null;
}

/** The number of the newest list that was ever seen, by CA: SHA-256 of its public key, however its file is written. */
export type SeenLists = Readonly<Record<string, number>>;

/** Where that is kept over a restart. */
export interface ListMemory {
  get(): SeenLists | null;
  set(seen: SeenLists): void;
}

/** What `Admission.open` is told. */
export interface AdmissionOptions {
  /** The CA's certificate, PEM. */
  ca: string;
  onEvent?: OnEvent;
  /** @default none: a restart forgets */
  memory?: ListMemory;
}

/** Reads `revoked.json` again whenever its file changes. */
export class Admission {
  readonly #dir: string;
  readonly #ca: string;
  readonly #onEvent: OnEvent;
  readonly #memory: ListMemory | null;
  #seen: Seen = { stamp: "unread", number: 0, revoked: new Map(), fault: null };
  #reading: Promise<void> | null = null;

  private constructor(dir: string, options: AdmissionOptions) {
    const { ca, onEvent = () => {}, memory = null } = options;
    this.#dir = dir;
    this.#ca = ca;
    this.#onEvent = onEvent;
    this.#memory = memory;
    this.#seen.number = memory?.get()?.[caDigest(ca)] ?? 0;
  }

  /**
   * Reads the list of the folder `dir`.
   * @throws {ProtocolError} `damaged_revocations`, `damaged_ca`.
   */
  static async open(dir: string, options: AdmissionOptions): Promise<Admission> {
    const admission = new Admission(dir, options);
    await admission.#refresh();
    if (admission.#seen.fault !== null) throw admission.#seen.fault;
    return admission;
  }

  /** Certificates on the list. */
  get size(): number {
    return this.#seen.revoked.size;
  }

  /** @throws {ProtocolError} `certificate_revoked`, or `damaged_revocations` while the list cannot be trusted. */
  async check(peer: Pick<SiloPeer, "silo" | "serial">): Promise<void> {
    await this.#refresh();
    if (this.#seen.fault !== null) throw this.#seen.fault;
    const revoked = this.#seen.revoked.get(peer.serial);
    if (revoked === undefined) return;
    throw new ProtocolError("certificate_revoked", {
      expected: "a certificate that its CA stands by",
      got: `one of ${peer.silo} that was revoked on ${revoked.at.slice(0, 10)}`,
    });
  }

  /** One reading at a time, for all requests that wait for it. */
  async #refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => this.#reading = null);
    await this.#reading;
  }

  async #read(): Promise<void> {
    const stamp = await this.#stamp();
    if (stamp === this.#seen.stamp) return;
    try {
      const found = await readList(this.#dir, this.#ca);
      const number = found?.list.number ?? 0;
      if (number < this.#seen.number) {
        throw new ProtocolError("damaged_revocations", {
          expected: `list ${this.#seen.number} or a later one in ${this.#dir}/${LIST_NAME}`,
          got: number === 0 ? "none" : `list ${number}`,
        });
      }
      // Kept before it holds: a process that ends in between has not let anybody in by it.
      if (number > this.#seen.number) {
        this.#memory?.set({ ...this.#memory.get(), [caDigest(this.#ca)]: number });
      }
      const revoked = new Map(found?.list.revoked.map((one) => [one.serial, one]));
      this.#seen = { stamp, number, revoked, fault: null };
    } catch (error) {
      const fault = error as ProtocolError;
      // What is wrong with the disk and not with the list is tried again with the next request.
      this.#seen = { ...this.#seen, stamp: error instanceof ProtocolError ? stamp : "unread", fault };
      this.#onEvent({ type: "warning", text: fault.message });
    }
  }

  async #stamp(): Promise<string> {
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(`${this.#dir}/${LIST_NAME}`, { bigint: true });
      return [ino, size, mtimeNs, ctimeNs].join(".");
    } catch (error) {
      // What cannot be looked at is read, and its fault told.
      return (error as { code?: string }).code === "ENOENT" ? "" : String(error);
    }
  }
}
