/** Public keys of SuperNodes as their operators hand them over: PEM, or the one line of OpenSSH that Flower's tools take. */
import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject } from "node:crypto";
import { refusal } from "../../../refusal.ts";

/** OpenSSH's names of the curves, and bytes of a coordinate. */
const CURVES: Record<string, { crv: string; side: number }> = {
  nistp384: { crv: "P-384", side: 48 },
  nistp256: { crv: "P-256", side: 32 },
};

/** @throws {SyntaxError} unless the text is one public key on P-384 or P-256. */
export function readPublicKey(text: string): KeyObject {
  const refuse = (got: string, cause?: unknown) =>
    refusal(SyntaxError, {
      what: "Cannot read the public key",
      expected: "an EC key on P-384 or P-256, as PEM or as a line ecdsa-sha2-nistp384 …",
      got,
      remedy: "take the K.pub of the SuperNode's --auth-supernode-private-key, never the private key",
    }, { cause });
  if (text.includes("PRIVATE KEY")) throw refuse("a private key");
  let key: KeyObject;
  try {
    key = text.trimStart().startsWith("ecdsa-sha2-") ? ofLine(text) : createPublicKey(text);
  } catch (cause) {
    throw refuse("another text", cause);
  }
  const { crv } = key.export({ format: "jwk" });
  if (Object.values(CURVES).some((curve) => curve.crv === crv)) return key;
  throw refuse(crv ?? String(key.asymmetricKeyType));
}

/** The key of a line `<type> <base64 of type, curve and point, each with its length> [comment]`. */
function ofLine(line: string): KeyObject {
  const bytes = Buffer.from(line.trim().split(/\s+/)[1] ?? "", "base64");
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    parts.push(bytes.subarray(at + 4, at += 4 + length));
  }
  const [, curve, point] = parts;
  const { crv, side } = CURVES[String(curve)];
  if (parts.length !== 3 || point.length !== 1 + 2 * side || point[0] !== 4) throw new RangeError("a point");
  const [x, y] = [point.subarray(1, 1 + side), point.subarray(1 + side)].map((one) =>
    one.toString("base64url")
  );
  return createPublicKey({ key: { kty: "EC", crv, x, y }, format: "jwk" });
}

/** A key's bytes, by which keys are compared: SPKI, DER. */
export const derOf = (key: KeyObject): Uint8Array => key.export({ type: "spki", format: "der" });
