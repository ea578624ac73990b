/**
 * What a shard holds in place of a patient's id: HMAC-SHA-256 of the id with a secret of the hospital's site folder.
 *
 * Why not the bare digest: a hospital's ids are few and short, so whoever has a shard could try them all. Why one secret
 * for all shards of a site: the same patient is found again in each of them, to be taken out for one.
 */

import { createHmac } from "node:crypto";
import { writeDurably } from "../files/durable.ts";
import { readIfThere } from "../files/exists.ts";
import { modeOpenToOthers, PRIVATE_FILE } from "../files/private.ts";
import { obstacleToSite, openSite } from "../files/site_folder.ts";
import { refusal } from "../refusal.ts";

/** Bytes of the secret, and of what stands for an id. */
export const HASH_BYTES = 32;

/** Makes of ids what a shard holds. */
export interface PatientHasher {
  /** Says which secret it is, 64 hex digits; tells nothing of the secret itself. */
  readonly site: string;
  /** (32) u8 of a raw id, as the hospital's table has it. */
  hash(id: string): Uint8Array;
}

/** Behind a zero byte, which no id begins with. */
const SITE = "\0fedx site 1";

/** Ids under one secret. */
export class PatientIds implements PatientHasher {
  readonly site: string;
  /** The file of a secret that was made just now. */
  readonly made: string | undefined;
  readonly #secret: Uint8Array;

  /** @param options.made the file that it was put into just now @default none */
  constructor(secret: Uint8Array, options: { made?: string } = {}) {
    this.#secret = secret;
    this.made = options.made;
    this.site = this.hash(SITE).toHex();
  }

  /**
   * Those of a hospital: the secret is the file `patients.secret` of the site folder `dir`.
   *
   * @param options.make make folder and secret where there are none @default true
   * @throws {Error} the folder or file cannot be used, is open to others, or the secret is damaged or missing
   */
  static async open(dir: string, options: { make?: boolean } = {}): Promise<PatientIds> {
    const path = `${dir}/patients.secret`;
    if (!(options.make ?? true)) await checkThere(dir, path);
    await openSite(dir);
    // Of two that begin at once, both must get the secret of the first.
    using lock = await Deno.open(`${dir}/lock`, { create: true, write: true, mode: PRIVATE_FILE })
      .catch((cause) => unusable(`${dir}/lock`, cause));
    await lock.lock(true).catch((cause) => unusable(`${dir}/lock`, cause));
    const found = await readIfThere(path).catch((cause) => unusable(path, cause));
    if (found !== null) return new PatientIds(await checked(found, path));
    const secret = crypto.getRandomValues(new Uint8Array(HASH_BYTES));
    await writeDurably(path, secret).catch((cause) => unusable(path, cause));
    return new PatientIds(secret, { made: path });
  }

  hash(id: string): Uint8Array {
    return new Uint8Array(createHmac("sha256", this.#secret).update(id, "utf8").digest());
  }
}

async function checkThere(dir: string, path: string): Promise<void> {
  const found = await Deno.lstat(path).catch((cause) => {
    return cause instanceof Deno.errors.NotFound ? null : unusable(path, cause);
  });
  if (found !== null) return;
  throw refusal(Error, {
    what: `Cannot use the site folder ${dir}`,
    expected: "patients.secret in it",
    got: "none",
    remedy: "name the site folder that the shard was prepared with, by --site; where its secret is lost, " +
      "prepare the shard again from a table without those patients",
  });
}

async function checked(secret: Uint8Array, path: string): Promise<Uint8Array> {
  const what = `Cannot use the secret of patient ids ${path}`;
  if (secret.length !== HASH_BYTES) {
    throw refusal(RangeError, {
      what,
      expected: `${HASH_BYTES} bytes`,
      got: `${secret.length}`,
      remedy:
        "put a copy of it back; without one remove it, and prepare the site's shards again: in those that " +
        "are there no patient is found any more",
    });
  }
  const mode = await modeOpenToOthers(path);
  if (mode === null) return secret;
  throw refusal(Error, {
    what,
    expected: "mode 0600",
    got: `${mode}, so that others may read it`,
    remedy: `run: chmod 600 ${path}`,
  });
}

function unusable(path: string, cause: unknown): never {
  const found = obstacleToSite(path, cause);
  if (found === null) throw cause;
  const what = `Cannot use the secret of patient ids ${path}`;
  throw refusal(Error, { what, expected: "a file that fedx may read and write", ...found }, { cause });
}
