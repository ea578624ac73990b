/** The authority's certificate as it may travel: what is read is checked, and what comes out holds nothing else. */
import { refusal } from "../../refusal.ts";
import { issuerOf, onlyCertificate } from "./issuer.ts";

/** A certificate to hand out. */
export interface PublicCa {
  /** PEM of the certificate alone. */
  pem: string;
  /** From when it is good. */
  from: Date;
}

/** Reads an authority's `ca.pem`. @throws {Error} it is a folder, holds a key, or is no authority's certificate. */
export async function readPublicCa(path: string): Promise<PublicCa> {
  const refuse = (got: string, remedy: string) =>
    refusal(Error, {
      what: `Cannot hand out ${path}`,
      expected: "the file with the authority's certificate, ca.pem",
      got,
      remedy,
    });
  if ((await Deno.stat(path)).isDirectory) {
    throw refuse("a folder", `name ${path.replace(/\/+$/, "")}/ca.pem; the key beside it stays where it is`);
  }
  const text = await Deno.readTextFile(path);
  if (text.includes("PRIVATE KEY")) {
    throw refuse("a private key", "name ca.pem; the key stays with its holder");
  }
  const { notBefore } = issuerOf(text);
  const lines = onlyCertificate(text).toBase64().match(/.{1,64}/g)!;
  const pem = ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  return { pem, from: notBefore };
}
