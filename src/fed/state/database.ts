/**
 * SQLite files that are their user's alone and whose commits survive any kill.
 */
import { DatabaseSync } from "node:sqlite";
import { PRIVATE_FILE } from "../../files/private.ts";

/**
 * Opens or makes a database: mode 0600, a log beside it (WAL), every commit on disk before it returns.
 *
 * @param options.busy milliseconds to wait for another process that writes @default 0
 * @throws {Error} whatever SQLite or the file system says; `blocked` tells what stands in the way
 */
export function openPrivate(path: string, { busy = 0 }: { busy?: number } = {}): DatabaseSync {
  // SQLite would make it as the umask says; its log beside it gets the mode of the database.
  Deno.openSync(path, { create: true, write: true, mode: PRIVATE_FILE }).close();
  const db = new DatabaseSync(path);
  try {
    db.exec(`PRAGMA busy_timeout = ${busy}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Runs `body` in one transaction: all of it is on disk afterwards, or nothing. No other process writes meanwhile. */
export function transaction<T>(db: DatabaseSync, body: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const value = body();
    db.exec("COMMIT");
    return value;
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

/** What opening the database's files to write fails with, null for nothing: SQLite says only that it cannot. */
export function blocked(path: string): Error | null {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    try {
      Deno.openSync(file, { write: true }).close();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) return error as Error;
    }
  }
  return null;
}
