/** What a silo of a masked run keeps on disk: its keys, what the others stated, and what it has masked last. */
import type { KnownStatement } from "../masks/members.ts";
import type { SignedReady, SignedStatement } from "../protocol/messages.ts";
import type { StateFolder } from "../state/folder.ts";

/** What a silo agrees on masks with in one run. */
export interface MaskKeys {
  /** X25519, PKCS #8 in hex. */
  privateKey: string;
  signed: SignedStatement;
  /** SHA-256 of the public key of the certificate that signed it. */
  keyDigest: string;
}

/** The update that was masked last. */
export interface StoredMask {
  round: number;
  /** Digests: of the canonical row, of the roster, of the update before it was masked (null for none) and after. */
  row: string;
  roster: string;
  delta: string | null;
  sha256: string;
  /** Whom it is masked for, in the proposal's order. */
  names: string[];
  /** How often in the run the names were others than the time before. */
  changes: number;
  /** Fewest silos that an update of the run was masked for. */
  smallest: number;
}

/** The part of a silo's state folder that masks need. */
export class MaskState {
  readonly #folder: StateFolder;

  constructor(folder: StateFolder) {
    this.#folder = folder;
  }

  get keys(): MaskKeys | null {
    return this.#folder.get("mask keys");
  }

  set keys(keys: MaskKeys) {
    this.#folder.set("mask keys", keys);
  }

  /** The statements of the others, as they were judged. */
  get known(): Record<string, KnownStatement> {
    return this.#folder.get("known statements") ?? {};
  }

  set known(known: Record<string, KnownStatement>) {
    this.#folder.set("known statements", known);
  }

  /** The ready that was signed last, and the digest of the update that it stands for. */
  get ready(): { signed: SignedReady; delta: string | null } | null {
    return this.#folder.get("ready");
  }

  set ready(ready: { signed: SignedReady; delta: string | null }) {
    this.#folder.set("ready", ready);
  }

  get last(): StoredMask | null {
    return this.#folder.get("mask");
  }

  /** Commits a masked update, and that its masks were made with these silos' keys: they may not change any more. */
  commit(mask: StoredMask): void {
    this.#folder.transaction(() => {
      this.#folder.set("mask", mask);
      const { known } = this;
      for (const name of mask.names) known[name].used = true;
      this.known = known;
    });
  }

  /** The masked update's file. */
  get path(): string {
    return `${this.#folder.dir}/staged/masked.i64`;
  }
}
