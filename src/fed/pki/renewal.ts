/**
 * A role's certificate while the role runs: a renewed one is taken from its folder without a restart.
 *
 * Why the CA stays: another `ca.pem` is another federation. Why a bad new certificate is only told: the one in use is
 * as good as it was, and a copy may be half done.
 */
import { type Checked, checkIdentity, type Identity, type Own, readIdentity } from "./own_certificate.ts";
import type { OnEvent } from "../protocol/event.ts";

/** Seconds between two looks at an aggregator's folder. */
const PERIOD = 10;

/** The files of a `--tls` folder; the last good ones. */
export class Credentials {
  readonly #dir: string;
  readonly #own: Omit<Own, "now">;
  readonly #onEvent: OnEvent;
  #identity: Identity;
  /** What was looked at last, good or bad, and the last complaint: one that stays is told once. */
  #seen: Identity;
  #complaint = "";
  #expires = new Date(0);

  private constructor(dir: string, own: Omit<Own, "now"> & { onEvent: OnEvent; identity: Identity }) {
    const { onEvent, identity, ...rest } = own;
    this.#dir = dir;
    this.#own = rest;
    this.#onEvent = onEvent;
    this.#identity = this.#seen = identity;
  }

  /** @throws {Error} as `checkCertificate`. */
  static async open(dir: string, own: Omit<Own, "now"> & { onEvent: OnEvent }): Promise<Credentials> {
    const identity = await readIdentity(dir);
    const credentials = new Credentials(dir, { ...own, identity });
    credentials.#use(checkIdentity(identity, { dir, ...own }));
    return credentials;
  }

  /** What to show to a peer now. */
  get identity(): Identity {
    return this.#identity;
  }

  /**
   * Looks at the folder again; what is new and good there is used from now on.
   * @param show puts it to use, and throws where that cannot be done @default nothing
   * @throws {Error} as `checkCertificate`: neither what lies there is good nor, any longer, what is in use.
   */
  async refresh(now: Date = new Date(), show: (identity: Identity) => void = () => {}): Promise<Identity> {
    try {
      const found = { ...await readIdentity(this.#dir), ca: this.#identity.ca };
      if (!same(found, this.#seen)) {
        this.#seen = found;
        const checked = this.#check(found, now);
        this.#show(found, show);
        this.#identity = found;
        this.#complaint = "";
        this.#use(checked);
      }
    } catch (error) {
      const text = `${(error as Error).message}; the certificate in use is used on`;
      if (text !== this.#complaint) this.#onEvent({ type: "warning", text });
      this.#complaint = text;
    }
    if (now > this.#expires) this.#check(this.#identity, now);
    return this.#identity;
  }

  #check(identity: Identity, now: Date): Checked {
    return checkIdentity(identity, { dir: this.#dir, ...this.#own, now });
  }

  #show(identity: Identity, show: (identity: Identity) => void): void {
    try {
      show(identity);
    } catch (cause) {
      const got = (cause as Error).message;
      throw new Error(
        `Cannot show the certificate in ${this.#dir}: expected to use it from now on, got ${got}`,
        { cause },
      );
    }
  }

  #use(checked: Checked): void {
    const { fingerprint, expires, warning } = checked;
    this.#expires = new Date(expires);
    this.#onEvent({ type: "certificate", name: this.#own.name ?? this.#own.role, fingerprint, expires });
    if (warning === undefined) return;
    this.#onEvent({ type: "warning", text: `${warning.problem}; ${warning.remedy}` });
  }
}

function same(a: Identity, b: Identity): boolean {
  return a.cert === b.cert && a.key === b.key;
}

/**
 * Looks at the folder every so often until disposed of. Where `onRenewed` throws, that is told, and the certificate in
 * use is used on.
 * @param options.period seconds @default 10
 */
export function watchRenewal(
  credentials: Credentials,
  options: { onRenewed: (identity: Identity) => void; period?: number },
): Disposable {
  const { onRenewed, period = PERIOD } = options;
  const look = () => credentials.refresh(new Date(), onRenewed);
  // One that has expired is shown on: silos say so with the remedy.
  const timer = setInterval(() => void look().catch(() => {}), period * 1000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
