/**
 * What a site's silos must know over all of their runs: the keys that its peers are known by, and with whom they have
 * masked an update of which weights. It lies in the site folder; the silos of one machine share it.
 *
 * Why no lock for as long as a silo runs: several may use it at once. Each call is one short transaction.
 */
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { PRIVATE_FILE } from "../../files/private.ts";
import { obstacleToSite, openSite } from "../../files/site_folder.ts";
import { isRefusal, refusal } from "../../refusal.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { nameFullDisk } from "../protocol/full_disk.ts";
import { blocked, openPrivate, transaction } from "./database.ts";

/** Version of the database; every other one is refused. */
const VERSION = 1;
/** Milliseconds to wait for another process in the middle of a transaction. */
const BUSY = 30_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS pins(
    ca TEXT NOT NULL, silo TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY(ca, silo)) STRICT;
  CREATE TABLE IF NOT EXISTS seen(
    ca TEXT NOT NULL, silo TEXT NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY(ca, silo)) STRICT;
  CREATE TABLE IF NOT EXISTS masked(
    silo TEXT NOT NULL, shard TEXT NOT NULL, base TEXT NOT NULL, names TEXT NOT NULL,
    PRIMARY KEY(silo, shard, base)) STRICT;
  PRAGMA user_version = ${VERSION};`;

/** A silo's public key: SHA-256 of its SPKI DER, lower-case hex. */
export interface PeerKey {
  silo: string;
  key: string;
}

/** A key that a statement showed, and when: an ISO date-time. */
export interface SeenKey {
  key: string;
  at: string;
}

/** An update that is to be masked: whose, of which shard, and the SHA-256 of the weights that it is the change of. */
export interface MaskedBase {
  silo: string;
  shard: string;
  base: string;
}

/** A site's memory, open. Authorities are named by the SHA-256 of their public keys (`caDigest`). */
export class Site implements Disposable {
  readonly dir: string;
  readonly #db: DatabaseSync;

  private constructor(dir: string, db: DatabaseSync) {
    this.dir = dir;
    this.#db = db;
  }

  /**
   * Opens or makes the memory in the site folder `dir`, and the folder.
   *
   * @throws {Error} the folder or its file cannot be used, is open to others, damaged, or of another fedx ·
   * {ProtocolError} `disk_full`
   */
  static async open(dir: string): Promise<Site> {
    await openSite(dir);
    const path = pathOf(dir);
    let db: DatabaseSync | undefined;
    // Of two that begin at once SQLite would refuse one: a change to a log has no patience.
    const lockPath = `${dir}/lock`;
    using lock = await Deno.open(lockPath, { create: true, write: true, mode: PRIVATE_FILE })
      .catch((cause) => unusable(lockPath, cause));
    await lock.lock(true).catch((cause) => unusable(lockPath, cause));
    try {
      db = openPrivate(path, { busy: BUSY });
      checkVersion(db, path);
      const opened = db;
      transaction(opened, () => opened.exec(SCHEMA)); // a memory that takes nothing is found out now
      return new Site(dir, db);
    } catch (cause) {
      db?.close();
      return unusable(path, blocked(path) ?? cause);
    }
  }

  /** The keys that are pinned, by silo. */
  pinned(ca: string): ReadonlyMap<string, string> {
    const rows = this.#try((db) =>
      db.prepare("SELECT silo, key FROM pins WHERE ca = ? ORDER BY silo").all(ca)
    );
    return new Map(rows.map(({ silo, key }) => [String(silo), String(key)]));
  }

  /** Holds a silo to a key from now on, whatever it was held to before. */
  pin(ca: string, { silo, key }: PeerKey): void {
    this.#try((db) =>
      db.prepare("INSERT OR REPLACE INTO pins(ca, silo, key) VALUES (?, ?, ?)").run(ca, silo, key)
    );
  }

  /** Holds a silo to no key any longer. Returns whether there was one. */
  unpin(ca: string, silo: string): boolean {
    const { changes } = this.#try((db) =>
      db.prepare("DELETE FROM pins WHERE ca = ? AND silo = ?").run(ca, silo)
    );
    return Number(changes) > 0;
  }

  /** The newest key of each silo that a statement showed. */
  seen(ca: string): ReadonlyMap<string, SeenKey> {
    const rows = this.#try((db) =>
      db.prepare("SELECT silo, key, at FROM seen WHERE ca = ? ORDER BY silo").all(ca)
    );
    return new Map(rows.map(({ silo, key, at }) => [String(silo), { key: String(key), at: String(at) }]));
  }

  /** Notes a key that a statement showed, so that `fedx peers` can show it before it is pinned. */
  noteSeen(ca: string, { silo, key, at }: PeerKey & SeenKey): void {
    this.#try((db) =>
      db.prepare("INSERT OR REPLACE INTO seen(ca, silo, key, at) VALUES (?, ?, ?, ?)").run(ca, silo, key, at)
    );
  }

  /**
   * Notes, before anything masked leaves, with whom an update of this base is masked: on disk when it returns. The same
   * names, in any order, pass again.
   *
   * Why: two sums of updates of one base over rosters that differ by a silo differ by about that silo's update.
   *
   * @throws {ProtocolError} `masked_before` where it was masked with other names · `disk_full`
   */
  noteMasked({ names, ...update }: MaskedBase & { names: readonly string[] }): void {
    const now = names.toSorted();
    const then = this.#try((db) =>
      transaction(db, () => {
        const found = namesIn(db, update);
        if (found !== null) return found;
        const insert = db.prepare("INSERT INTO masked(silo, shard, base, names) VALUES (?, ?, ?, ?)");
        insert.run(update.silo, update.shard, update.base, JSON.stringify(now));
        return now;
      })
    );
    if (JSON.stringify(then) === JSON.stringify(now)) return;
    throw new ProtocolError("masked_before", {
      expected:
        `${then.join(", ").slice(0, 200)}, for whom ${update.silo} has masked an update of the weights ` +
        `${update.base.slice(0, 12)}… before`,
      got: now.join(", ").slice(0, 200),
    });
  }

  #try<T>(body: (db: DatabaseSync) => T): T {
    try {
      return body(this.#db);
    } catch (cause) {
      const path = pathOf(this.dir);
      return unusable(path, blocked(path) ?? cause);
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

const pathOf = (dir: string) => `${dir}/site.sqlite`;

/** @throws {Error} another fedx wrote it */
function checkVersion(db: DatabaseSync, path: string): void {
  const found = Number(db.prepare("PRAGMA user_version").get()!.user_version);
  if (found === 0 || found === VERSION) return; // 0: it is new
  throw refusal(Error, {
    what: `Cannot use the site's memory ${path}`,
    expected: `version ${VERSION}`,
    got: `${found}`,
    remedy: "use the fedx that wrote it, or name another site folder with --site",
  });
}

function namesIn(db: DatabaseSync, { silo, shard, base }: MaskedBase): string[] | null {
  const select = db.prepare("SELECT names FROM masked WHERE silo = ? AND shard = ? AND base = ?");
  const row = select.get(silo, shard, base);
  return row === undefined ? null : JSON.parse(String(row.names));
}

/** What SQLite says where the file system has no word for it, and what that means to the operator. */
const FAULTS: [text: RegExp, expected: string, got: (cause: unknown) => string, remedy: string][] = [
  [
    /database is (locked|busy)/,
    `other processes to let go of it within ${BUSY / 1000} s`,
    () => "one that did not",
    "look at what uses it, then run the same command again",
  ],
  [
    /readonly database|unable to open|disk I\/O error/,
    "a folder that fedx may write to",
    String,
    "name another folder with --site",
  ],
  [
    /not a database|malformed|corrupt|no such (table|column)|no column|JSON/,
    "a fedx database",
    String,
    "put a copy of it back; without one move it away and pin the peers' keys again: what this site has masked before " +
    "is forgotten then",
  ],
];

/** Says why the memory, the file `path` of it, cannot be used. Another user's file or a full disk is no damage. */
function unusable(path: string, cause: unknown): never {
  const what = `Cannot use the site's memory ${path}`;
  const error = nameFullDisk(cause, { folder: dirname(path) });
  if (error instanceof ProtocolError || isRefusal(error)) throw error;
  const found = obstacleToSite(path, error);
  if (found !== null) {
    throw refusal(Error, { what, expected: "a file that fedx may read and write", ...found }, { cause });
  }
  const fault = FAULTS.find(([text]) => text.test(String(error)));
  if (fault === undefined) throw error;
  const [, expected, got, remedy] = fault;
  throw refusal(Error, { what, expected, got: got(error), remedy }, { cause });
}
