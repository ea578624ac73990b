/**
 * A role's state folder: locked by one process, metadata in SQLite, tensors as files beside it.
 *
 * Why both: a commit of a few hundred bytes must survive any kill (WAL, synchronous = FULL), while a
 * 16 MB vector is cheaper and safer as a file that appears whole (`files.ts`). The lock is the kernel's
 * advisory lock on a file: it dies with the process, so no stale lock is ever left behind.
 */
import { DatabaseSync } from "node:sqlite";
import { ProtocolError } from "./errors.ts";

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
   * Opens or makes the folder and runs `schema` (CREATE TABLE IF NOT EXISTS …).
   *
   * @throws {ProtocolError} `state_locked` when another process has it, `damaged_state` when SQLite cannot read it.
   */
  static async open(dir: string, schema: string): Promise<StateFolder> {
    await Deno.mkdir(`${dir}/staged`, { recursive: true });
    await Deno.mkdir(`${dir}/models`, { recursive: true });
    const lock = await Deno.open(`${dir}/lock`, { create: true, write: true });
    try {
      if (!await lock.tryLock(true)) {
        throw new ProtocolError("state_locked", {
          expected: `to be the only process on ${dir}`,
          got: "another one",
        });
      }
      return new StateFolder(dir, openDatabase(`${dir}/run.sqlite`, schema), lock);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /**
   * Removes what a killed process left under temporary names, and what lies in `staged` for nothing.
   * @param keep Whether a file of `staged` is still needed, by its name.
   */
  async sweep(keep: (name: string) => boolean): Promise<void> {
    for (const folder of [".", "models", "staged"]) {
      for await (const { name, isFile } of Deno.readDir(`${this.dir}/${folder}`)) {
        const needed = folder === "staged" ? keep(name) : !/\.(tmp|partial)$/.test(name);
        if (isFile && !needed) await Deno.remove(`${this.dir}/${folder}/${name}`);
      }
    }
  }

  /** Runs `body` in one transaction: all of it is on disk afterwards, or nothing. */
  transaction<T>(body: () => T): T {
    this.db.exec("BEGIN IMMEDIATE");
    try {
      const value = body();
      this.db.exec("COMMIT");
      return value;
    } catch (error) {
      this.db.exec("ROLLBACK");
      throw error;
    }
  }

  /** The JSON value of `key` in the table `meta`, or null. */
  get<T>(key: string): T | null {
    const row = this.db.prepare("SELECT value FROM meta WHERE key = ?").get(key);
    return row === undefined ? null : JSON.parse(row.value as string) as T;
  }

  /** Sets `key` in the table `meta`. */
  set(key: string, value: unknown): void {
    this.db.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)").run(key, JSON.stringify(value));
  }

  [Symbol.dispose](): void {
    this.db.close();
    this.#lock.close();
  }
}

function openDatabase(path: string, schema: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    db.exec(`CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL); ${schema}`);
    return db;
  } catch (cause) {
    db?.close();
    throw new ProtocolError("damaged_state", { expected: "a fedx database", got: String(cause), cause });
  }
}
