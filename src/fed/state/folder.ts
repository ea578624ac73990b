/**
 * A role's state folder: locked by one process, metadata in SQLite, tensors as files beside it.
 *
 * Why both: a commit of a few hundred bytes must survive any kill (WAL, synchronous = FULL), while a
 * 16 MB vector is cheaper and safer as a file that appears whole (files/durable.ts). The lock is the kernel's
 * advisory lock on a file: it dies with the process, so no stale lock is ever left behind.
 */
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { exists } from "../../files/exists.ts";
import { acquireLock } from "../../files/lock.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import { blocked, openPrivate, transaction } from "./database.ts";
import { dropKept, keepFor, keptFor } from "./carried_over.ts";
import { nameFullDisk } from "../protocol/full_disk.ts";
import { makePrivateFolder } from "./private_folder.ts";
import { PRIVATE_DIR, PRIVATE_FILE } from "../../files/private.ts";

/** Version of the folder's content; every other one is refused. */
const VERSION = 8;
/** A model or report that was being written, under its temporary name. */
export const UNFINISHED_FILE = /^((model|last|init)\.safetensors|report\.html)\.[\da-f-]+\.tmp$/;

/** Whose a state folder is. */
export const AGGREGATOR = "aggregator";
export const siloRole = (silo: string) => `silo ${silo}`;

/** The key of what an aggregator knows of revoked certificates, which no new run may forget. */
export const REVOCATIONS = "revocations";

/** An open, locked state folder. Disposing of it closes the database and frees the lock. */
export class StateFolder implements Disposable {
  readonly dir: string;
  readonly db: DatabaseSync;
  readonly #lock: Deno.FsFile;

  private constructor(dir: string, db: DatabaseSync, lock: Deno.FsFile) {
    this.dir = dir;
    this.db = db;
    this.#lock = lock;
  }

  /**
   * Opens or makes the folder of one role and runs `schema` (CREATE TABLE IF NOT EXISTS …).
   *
   * @param options.role Whose it is; it never changes. `anyAge`: an older version is taken too.
   * @throws {ProtocolError} `state_locked` when another process has it, `damaged_state` when SQLite cannot read it,
   * `other_role` when it is somebody else's, `newer_state` or `older_state` when another fedx wrote it · {Error} others
   * may look into it.
   */
  static async open(
    dir: string,
    options: { role: string; schema?: string; anyAge?: boolean },
  ): Promise<StateFolder> {
    await makePrivateFolder(dir);
    for (const name of ["staged", "models"]) {
      await Deno.mkdir(`${dir}/${name}`, { recursive: true, mode: PRIVATE_DIR });
    }
    const lock = await Deno.open(`${dir}/lock`, { create: true, write: true, mode: PRIVATE_FILE });
    let db: DatabaseSync | undefined;
    try {
      if (!await acquireLock(lock)) {
        throw new ProtocolError("state_locked", {
          expected: `to be the only process on ${dir}`,
          got: "another one",
        });
      }
      db = openDatabase(`${dir}/run.sqlite`);
      const state = new StateFolder(dir, db, lock);
      if (state.#claim(options)) await dropKept(dir);
      db.exec(options.schema ?? "");
      return state;
    } catch (error) {
      db?.close();
      lock.close();
      throw error;
    }
  }

  /**
   * Moves the folder aside, so that a new run can begin in its place; nothing of it is lost.
   * @param options.keep keys of `meta` that the new folder begins with, whoever opens it first @default none
   * @param options.faultPoint awaited at named moments @default none
   * @returns where it lies now, null when there was none.
   * @throws {ProtocolError} as `open`.
   */
  static async setAside(
    dir: string,
    options: { role: string; keep?: readonly string[]; faultPoint?: FaultPoint },
  ): Promise<string | null> {
    if (!await exists(`${dir}/run.sqlite`)) return null;
    const { role, keep = [], faultPoint = () => {} } = options;
    const state = await StateFolder.open(dir, { role, anyAge: true });
    const kept = keep.map((key) => [key, state.get(key)] as const).filter(([, value]) => value !== null);
    state.db.close();
    const aside = `${dir.replace(/\/+$/, "")}.${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
    try {
      if (kept.length > 0) await keepFor(dir, role, Object.fromEntries(kept));
      await faultPoint("kept");
      await Deno.rename(dir, aside);
      await faultPoint("set_aside");
    } finally {
      state.#lock.close();
    }
    return aside;
  }

  /**
   * Notes whose folder this is, or refuses another's before anything in it is touched.
   * @returns whether it is new.
   */
  #claim({ role, ...options }: { role: string; anyAge?: boolean }): boolean {
    const found = this.get<{ version: number; role: string }>("state");
    if (found === null) {
      const kept = Object.entries(keptFor(this.dir, role));
      this.transaction(() => {
        for (const [key, value] of [["state", { version: VERSION, role }], ...kept] as const) {
          this.set(key, value);
        }
      });
      return true;
    }
    if (found.version > VERSION) {
      throw new ProtocolError("newer_state", {
        expected: `version ${VERSION} at most in ${this.dir}`,
        got: String(found.version),
      });
    }
    if (found.version < VERSION && !options.anyAge) {
      const finished = this.get("result") !== null;
      throw new ProtocolError("older_state", {
        expected: `version ${VERSION} in ${this.dir}`,
        got: `${found.version}${finished ? ", of a run that has finished" : ""}`,
        remedy: finished
          ? "read its result with the fedx that ran it, or begin another with --new"
          : undefined,
      });
    }
    if (found.role !== role) {
      throw new ProtocolError("other_role", {
        expected: `the state of ${role} in ${this.dir}`,
        got: found.role,
      });
    }
    return false;
  }

  /**
   * Removes what a killed process left behind; files that are not ours stay.
   * @param leftovers By folder, relative to the state's: which names are ours and needed no more.
   */
  async sweep(leftovers: Record<string, (name: string) => boolean>): Promise<void> {
    for (const [folder, isLeft] of Object.entries(leftovers)) {
      for await (const { name, isFile } of Deno.readDir(`${this.dir}/${folder}`)) {
        if (isFile && isLeft(name)) await Deno.remove(`${this.dir}/${folder}/${name}`);
      }
    }
  }

  /** Runs `body` in one transaction: all of it is on disk afterwards, or nothing. */
  transaction<T>(body: () => T): T {
    return transaction(this.db, body);
  }

  /** The JSON value of `key` in the table `meta`, or null. */
  get<T>(key: string): T | null {
    const row = this.db.prepare("SELECT value FROM meta WHERE key = ?").get(key);
    return row === undefined ? null : JSON.parse(row.value as string) as T;
  }

  /** Writes a row, `into` the table and columns with their `VALUES (?, …)`, in the place of one of the same key. */
  put(into: string, ...values: (string | number)[]): void {
    this.db.prepare(`INSERT OR REPLACE INTO ${into}`).run(...values);
  }

  /** Sets `key` in the table `meta`. */
  set(key: string, value: unknown): void {
    this.put("meta(key, value) VALUES (?, ?)", key, JSON.stringify(value));
  }

  [Symbol.dispose](): void {
    this.db.close();
    this.#lock.close();
  }
}

function openDatabase(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = openPrivate(path);
    db.exec("CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)");
    return db;
  } catch (cause) {
    db?.close();
    // A full disk or another user's file is no damage: nobody is to throw the state away for it.
    const error = nameFullDisk(blocked(path) ?? cause, { folder: dirname(path) });
    if (error !== cause) throw error;
    throw new ProtocolError("damaged_state", { expected: "a fedx database", got: String(cause), cause });
  }
}
