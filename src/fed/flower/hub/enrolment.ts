/**
 * Which sites with Flower may take part: `flower.json` in the aggregator's certificate folder, beside what else says whom it
 * trusts, and the key that signs the app which their SuperNodes run.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { Buffer } from "node:buffer";
import * as v from "valibot";
import { digest } from "../../../files/digest.ts";
import { writeDurably } from "../../../files/durable.ts";
import { readIfThere } from "../../../files/exists.ts";
import { refusal } from "../../../refusal.ts";
import { refuseReadableKey } from "../../pki/key_files.ts";
import { parseMessage } from "../../protocol/parse_message.ts";
import { examples, SiloName } from "../../protocol/fields.ts";
import { idOf } from "./ids.ts";
import { writeLine } from "../open_ssh.ts";
import { derOf, readPublicKey } from "./public_key.ts";

const FILE = "flower.json", SIGNING = "flower-signing.pem";
/** The name under which sites pin the key that signs the app. */
export const SIGNER = "fedx";

const EnrolledSchema = v.strictObject({
  version: v.literal(1),
  sites: v.record(
    SiloName,
    v.strictObject({
      /** SPKI, DER, base64. */
      key: v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{100,400}=*$/, "a key")),
      /** Films that its updates are trained on, and those of them with a finding. */
      train: examples,
      positives: examples,
    }),
  ),
});

/** A site with Flower, as the aggregator's operator has enrolled it. */
export interface FlowerSite {
  name: string;
  /** Its public key: SPKI, DER, base64. */
  key: string;
  /** Films that its updates are trained on, and those of them with a finding. */
  train: number;
  positives: number;
}

/** What a site's node is called by; the same after every restart. */
export function nodeOf({ key }: Pick<FlowerSite, "key">): bigint {
  return idOf(digest(Buffer.from(key, "base64")));
}

/** The sites of a certificate folder by name; none without the file. @throws {Error} for a damaged file */
export async function enrolled(tls: string): Promise<Map<string, FlowerSite>> {
  const bytes = await readIfThere(`${tls}/${FILE}`);
  if (bytes === null) return new Map();
  const { sites } = parseMessage(EnrolledSchema, bytes, { what: `${tls}/${FILE}`, code: "bad_proposal" });
  return new Map(
    Object.entries(sites).map(([name, site]) => {
      attempt(() => keyOf(site), `the key of ${name} in ${tls}/${FILE}`);
      return [name, { name, ...site }];
    }),
  );
}

/** A site's public key. */
export const keyOf = ({ key }: Pick<FlowerSite, "key">): KeyObject =>
  createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" });

function attempt(read: () => unknown, what: string): void {
  try {
    read();
  } catch (cause) {
    const expected = "a public key, as fedx flower enrol writes it";
    throw refusal(SyntaxError, { what: `Cannot read ${what}`, expected, got: "another text" }, { cause });
  }
}

/**
 * Enrols a site, or changes what is known of it.
 * @param site.publicKey as the site's operator hands it over
 * @returns the site, and the line of OpenSSH by which sites know the app's signature
 * @throws {SyntaxError} for another text than a key · {RangeError} for counts without both classes, or a key of another site
 */
export async function enrol(
  tls: string,
  { publicKey, name, train, positives }: Omit<FlowerSite, "key"> & { publicKey: string },
): Promise<{ site: FlowerSite; signer: string; before: FlowerSite | null }> {
  if (positives < 1 || positives >= train) {
    throw refusal(RangeError, {
      what: `Cannot enrol ${name}`,
      expected: "both classes among its training films, --positives from 1 to one below --train",
      got: `${positives} of ${train}`,
    });
  }
  // Two at once would each write what the other has not read.
  using folder = await Deno.open(tls);
  await folder.lock(true);
  const sites = await enrolled(tls);
  const key = Buffer.from(derOf(readPublicKey(publicKey))).toString("base64");
  const other = [...sites.values()].find((site) => site.key === key && site.name !== name);
  if (other !== undefined) {
    throw refusal(RangeError, {
      what: `Cannot enrol ${name}`,
      expected: "a key of its own",
      got: `the key of ${other.name}`,
    });
  }
  const signer = sshLineOf(await signingKey(tls));
  const before = sites.get(name) ?? null;
  sites.set(name, { name, key, train, positives });
  const stored = Object.fromEntries([...sites].map(([name, { name: _, ...site }]) => [name, site]));
  const text = `${JSON.stringify({ version: 1, sites: stored }, null, 2)}\n`;
  await writeDurably(`${tls}/${FILE}`, text);
  return { site: sites.get(name)!, signer, before };
}

/** The key that signs the app, made when it is first asked for. */
export async function signingKey(tls: string): Promise<KeyObject> {
  const path = `${tls}/${SIGNING}`;
  if (await readIfThere(path) === null) {
    const { privateKey } = generateKeyPairSync("ed25519");
    const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
    await writeDurably(path, pem);
  }
  await refuseReadableKey(path);
  return createPrivateKey(await Deno.readTextFile(path));
}

/** The public half as one line of OpenSSH. */
function sshLineOf(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return writeLine("ssh-ed25519", [Buffer.from(x!, "base64url")]);
}
