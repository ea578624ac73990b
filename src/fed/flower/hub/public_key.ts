/** Public keys of SuperNodes as their operators hand them over: PEM, or the one line of OpenSSH that Flower's tools take. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { refusal } from "../../../refusal.ts";
import { CURVES, readLine } from "../open_ssh.ts";

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
  if (Object.hasOwn(CURVES, crv ?? "")) return key;
  throw refuse(crv ?? String(key.asymmetricKeyType));
}

/** The key of a line whose parts are type, curve and point. */
function ofLine(line: string): KeyObject {
  const parts = readLine(line);
  const [, curve, point] = parts;
  const [crv, { side }] = Object.entries(CURVES).find(([, { name }]) => name === String(curve))!;
  if (parts.length !== 3 || point.length !== 1 + 2 * side || point[0] !== 4) throw new RangeError("a point");
  const [x, y] = [point.subarray(1, 1 + side), point.subarray(1 + side)].map((one) =>
    one.toString("base64url")
  );
  return createPublicKey({ key: { kty: "EC", crv, x, y }, format: "jwk" });
}

/** A key's bytes, by which keys are compared: SPKI, DER. */
export const derOf = (key: KeyObject): Uint8Array => key.export({ type: "spki", format: "der" });
