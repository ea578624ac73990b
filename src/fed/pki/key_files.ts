/** How keys and certificates are written: durably, a key for its owner alone, and never over another one. */
import type * as x509 from "@peculiar/x509";
import { refusal } from "../../refusal.ts";
import { writeDurably } from "../../files/durable.ts";
import { isTaken, readTextIfThere } from "../../files/exists.ts";
import { modeOpenToOthers, PRIVATE_FILE } from "../../files/private.ts";

/** Writes a private key as PKCS #8 with mode 0600. */
export async function writeKey(lib: typeof x509, path: string, key: CryptoKey): Promise<void> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  await writeText(path, lib.PemConverter.encode(der, "PRIVATE KEY") + "\n", PRIVATE_FILE);
}

/** Writes a text file durably, mode 0644 unless another is given. */
export async function writeText(path: string, text: string, mode = 0o644): Promise<void> {
  await writeDurably(path, text, { mode });
}

/** @throws {Deno.errors.AlreadyExists} one of the paths is there; `what` completes “Cannot …”. */
export async function refuseExisting(what: string, paths: string[], remedy: string): Promise<void> {
  for (const path of paths) {
    if (await isTaken(path)) {
      const parts = { what: `Cannot ${what}`, expected: `no ${path}`, got: "one", remedy };
      throw refusal(Deno.errors.AlreadyExists, parts);
    }
  }
}

/**
 * `path` is to be missing or to hold `pem`: a folder may stand prepared, but no CA is written over.
 * @throws {Deno.errors.AlreadyExists}
 */
export async function refuseOtherCa(
  path: string,
  options: { pem: string; what: string; remedy: string },
): Promise<void> {
  const found = await readTextIfThere(path);
  if (found === null || found === options.pem) return;
  throw refusal(Deno.errors.AlreadyExists, {
    what: `Cannot ${options.what}`,
    expected: `no ${path} or this CA's`,
    got: "another",
    remedy: options.remedy,
  });
}

/**
 * @param options.lost What to do where others had the key. @default "make a new key and certificate"
 * @throws {Error} when others than its owner may read or write the key.
 */
export async function refuseReadableKey(path: string, options: { lost?: string } = {}): Promise<void> {
  const { lost = "make a new key and certificate" } = options;
  const mode = await modeOpenToOthers(path);
  if (mode === null) return;
  throw refusal(Error, {
    what: `Cannot use ${path}`,
    expected: "mode 0600",
    got: `${mode}, which others may read`,
    remedy: `run: chmod 600 ${path} (and ${lost} if others had access)`,
  });
}
