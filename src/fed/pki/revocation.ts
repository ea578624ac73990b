/**
 * `revoked.json`: which certificates a CA no longer stands by, in canonical JSON (RFC 8785) with the CA's signature.
 *
 * Why a list of our own and not a CRL: the aggregator reads it for every request and answers with a sentence; inside
 * the handshake a refusal would look like a lost connection.
 */
import { X509Certificate } from "node:crypto";
import * as v from "valibot";
import { obstacleTo } from "../../files/obstacle.ts";
import { canonical } from "../../files/canonical.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { CURVE, SerialNumber } from "./x509.ts";

/** The list's name in a CA's folder and in the aggregator's `--tls`. */
export const LIST_NAME = "revoked.json";
/** Bytes of the longest list that is read: some ten thousand certificates. */
const LIMIT = 2 << 20;

const isoTime = v.pipe(v.string(), v.isoTimestamp());
const EntrySchema = v.object({
  /** For people; the serial number decides. */
  name: v.pipe(v.string(), v.maxLength(64)),
  serial: SerialNumber,
  at: isoTime,
});
const ListSchema = v.object({
  version: v.literal(1),
  /** One more with every list that a CA writes: an older one never takes a newer one's place. */
  number: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  updated: isoTime,
  revoked: v.array(EntrySchema),
});

/** One certificate that is refused. */
export type Revoked = v.InferOutput<typeof EntrySchema>;
/** A list whose signature was right. */
export type RevocationList = v.InferOutput<typeof ListSchema>;

/** The signed file's text. @param key the CA's */
export async function signList(list: RevocationList, key: CryptoKey): Promise<string> {
  const signature = await crypto.subtle.sign(CURVE, key, new TextEncoder().encode(canonical(list)));
  return canonical({ ...list, signature: new Uint8Array(signature).toHex() }) + "\n";
}

/**
 * Checks signature, then shape. Fields that a later version adds are covered by the signature and left alone.
 *
 * @param options.ca the CA's certificate, PEM · `path` names the file in the error
 * @throws {ProtocolError} `damaged_revocations`.
 */
export async function verifyList(
  text: string,
  options: { ca: string; path: string },
): Promise<RevocationList> {
  const expected = `a list of revoked certificates in ${options.path}, signed by this CA`;
  const refuse = (got: string, cause?: unknown): never => {
    throw new ProtocolError("damaged_revocations", { expected, got, cause });
  };
  if (text.length > LIMIT) refuse(`more than ${LIMIT} bytes`);
  let signed: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>, list: unknown;
  try {
    const { signature: hex, ...rest } = JSON.parse(text);
    signature = Uint8Array.fromHex(hex);
    signed = new TextEncoder().encode(canonical(rest));
    list = rest;
  } catch (cause) {
    return refuse("something else", cause);
  }
  if (!await crypto.subtle.verify(CURVE, await keyOf(options.ca), signature, signed)) {
    refuse("another signature");
  }
  const { version } = list as { version?: unknown };
  if (version !== 1) refuse(`version ${JSON.stringify(version)}`.slice(0, 40));
  const parsed = v.safeParse(ListSchema, list);
  return parsed.success ? parsed.output : refuse(`a wrong ${v.getDotPath(parsed.issues[0]) ?? "list"}`);
}

/** Reads and checks a list; null when there is none. @throws {ProtocolError} `damaged_revocations`. */
export async function readList(
  dir: string,
  ca: string,
): Promise<{ list: RevocationList; text: string } | null> {
  const path = `${dir}/${LIST_NAME}`;
  const text = await Deno.readTextFile(path).catch((cause) => {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw new ProtocolError("damaged_revocations", {
      expected: `to read ${path}`,
      ...obstacleTo(path, cause) ?? { got: String(cause.message ?? cause).slice(0, 200) },
      cause,
    });
  });
  return text === null ? null : { list: await verifyList(text, { ca, path }), text };
}

async function keyOf(ca: string): Promise<CryptoKey> {
  const spki = new X509Certificate(ca).publicKey.export({ type: "spki", format: "der" });
  return await crypto.subtle.importKey("spki", new Uint8Array(spki), CURVE, false, ["verify"]);
}
