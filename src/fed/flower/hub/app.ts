/**
 * Our app as Flower's file of one (FAB): a zip with a list of what is in it. The same every time, so that its hash is, and
 * signed, so that sites can pin whose it is.
 */
import { Buffer } from "node:buffer";
import { type KeyObject, sign } from "node:crypto";
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";
import { digest } from "../../../files/digest.ts";
import { APP, APP_FILES } from "./app_source.ts";
import { SIGNER } from "./enrolment.ts";

/** The app as SuperNodes are told of it and get it. */
export interface SignedApp {
  /** `publisher/name`. */
  id: string;
  version: string;
  /** SHA-256 of the file, hex. */
  hash: string;
  content: Uint8Array;
  verifications: { name: string; text: string }[];
}

/** Packs and signs the app. @param options.now seconds since 1970 @default this machine's clock */
export async function signedApp(
  key: KeyObject,
  { now = Date.now() / 1000 }: { now?: number } = {},
): Promise<SignedApp> {
  const content = await packed();
  const hash = digest(content);
  const moment = Math.floor(now);
  const signed = Buffer.alloc(8 + 32);
  signed.writeBigUInt64BE(BigInt(moment));
  signed.set(Buffer.from(hash, "hex"), 8);
  const text = { signed_at: moment, signature: sign(null, signed, key).toString("base64url") };
  return {
    ...{ id: `${APP.publisher}/${APP.name}`, version: APP.version, hash, content },
    verifications: [
      // Flower asks for a word here before it looks at any signature.
      { name: "valid_license", text: "Apache-2.0" },
      { name: SIGNER, text: JSON.stringify(text) },
    ],
  };
}

/** The zip: the same bytes for the same files. */
async function packed(): Promise<Uint8Array> {
  const files = Object.entries(APP_FILES).map(([path, text]) =>
    [path, new TextEncoder().encode(text)] as const
  );
  const list = files.map(([path, bytes]) => `${path},${digest(bytes)},${bytes.length * 8}`).join("\n");
  const all = [...files, [".info/CONTENT", new TextEncoder().encode(`${list}\n`)] as const];
  const lastModDate = new Date(1980, 0, 1);
  const fixed = { level: 0, lastModDate, extendedTimestamp: false, useWebWorkers: false };
  const zip = new ZipWriter(new Uint8ArrayWriter(), fixed);
  for (const [path, bytes] of all) await zip.add(path, new Uint8ArrayReader(bytes), fixed);
  return await zip.close();
}
