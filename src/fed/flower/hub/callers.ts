/** Who calls: a SuperNode signs the moment of each call with its key, and only enrolled keys are heard. */
import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { type FlowerSite, keyOf } from "./enrolment.ts";
import { derOf } from "./public_key.ts";
import { FleetRefusal } from "./refusal.ts";

/** Seconds by which a call's moment may lie behind this machine's clock, and ahead of it. */
const WINDOW = { behind: 305, ahead: 60 };
/** Signs of the longest header: a key on P-521 as PEM in base64. */
const LONGEST = 1000;

/** The headers that a call is signed by, bytes in base64. */
export interface Signed {
  key: string;
  timestamp: string;
  signature: string;
}

interface Known {
  site: FlowerSite;
  key: KeyObject;
  /** The moment and signature that were last found good: some nodes use them for a while. */
  good: string;
}

/** The enrolled sites by what they sign with. */
export class Callers {
  readonly #sites = new Map<string, Known>();
  readonly #now: () => number;

  /** @param options.now milliseconds since 1970 @default this machine's clock */
  constructor(sites: Iterable<FlowerSite>, { now = Date.now }: { now?: () => number } = {}) {
    this.#now = now;
    for (const site of sites) {
      this.#sites.set(site.key, { site, key: keyOf(site), good: "" });
    }
  }

  /** Whose call it is. @throws {FleetRefusal} `unknown` for a key that is not enrolled, or a signature that is not its own */
  whose({ key, timestamp, signature }: Signed): FlowerSite {
    if ([key, timestamp, signature].some((text) => text.length > LONGEST)) throw unknown("headers too long");
    const found = this.#sites.get(spki(Buffer.from(key, "base64")));
    if (found === undefined) throw unknown("a key that is not enrolled");
    const { site } = found;
    const good = `${timestamp} ${signature}`;
    if (found.good !== good) {
      const own = verify("sha256", Buffer.from(timestamp), found.key, Buffer.from(signature, "base64"));
      if (!own) throw unknown("a signature that is not the key's");
    }
    const ahead = (Date.parse(timestamp) - this.#now()) / 1000;
    if (!(ahead <= WINDOW.ahead && ahead >= -WINDOW.behind)) {
      const far = Number.isFinite(ahead) ? `${Math.round(Math.abs(ahead))} s` : "no moment";
      const text = `a moment far from this clock's, ${far} ${ahead > 0 ? "ahead" : "behind"}`;
      throw new FleetRefusal("unknown", text, { site: site.name });
    }
    found.good = good;
    return site;
  }
}

function spki(pem: Buffer): string {
  try {
    return Buffer.from(derOf(createPublicKey(pem.toString()))).toString("base64");
  } catch (cause) {
    throw unknown("headers without a public key", cause);
  }
}

const unknown = (text: string, cause?: unknown) => new FleetRefusal("unknown", text, { cause });
