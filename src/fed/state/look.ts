/**
 * A look into a role's state folder from outside: it takes no lock that the role would notice and writes nothing, so that
 * it may come at any moment, also while the role runs.
 */
import { DatabaseSync } from "node:sqlite";
import { exists } from "../../files/exists.ts";
import { ProtocolError } from "../protocol/errors.ts";

/** What a look shows. */
export interface Look {
  /** As the role has claimed the folder; null before that. */
  role: string | null;
  /** Whether a process has the folder. */
  running: boolean;
  /** The values of `meta` that were asked for; null for those that are not there. */
  values: Record<string, unknown>;
}

/** Looks into `dir`; null where no role has a state. @throws {ProtocolError} `damaged_state` */
export async function lookInto(dir: string, keys: readonly string[]): Promise<Look | null> {
  const path = `${dir}/run.sqlite`;
  const found = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (found === null) return null;
  const running = await isHeld(`${dir}/lock`);
  const meta = await readMeta(path, ["state", ...keys]);
  const { state, ...values } = meta;
  return { role: (state as { role: string } | null)?.role ?? null, running, values };
}

/** Whether a process holds the lock. A role that starts in this very moment tries again (folder.ts). */
async function isHeld(path: string): Promise<boolean> {
  if (!await exists(path)) return false;
  using lock = await Deno.open(path);
  return !await lock.tryLock(false);
}

async function readMeta(path: string, keys: readonly string[]): Promise<Record<string, unknown>> {
  // With a log beside it a role has it open, or was killed. Without one it is whole and at rest: SQLite would make a log
  // all the same, so a copy is read.
  if (await exists(`${path}-wal`)) return query(path, keys);
  const copy = await Deno.makeTempDir();
  try {
    await Deno.copyFile(path, `${copy}/run.sqlite`);
    return query(`${copy}/run.sqlite`, keys);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

function query(path: string, keys: readonly string[]): Record<string, unknown> {
  try {
    using db = new DatabaseSync(path, { readOnly: true });
    const select = db.prepare("SELECT value FROM meta WHERE key = ?");
    return Object.fromEntries(keys.map((key) => {
      const value = select.get(key)?.value;
      return [key, value === undefined ? null : JSON.parse(value as string)];
    }));
  } catch (cause) {
    throw new ProtocolError("damaged_state", { expected: "a fedx database", got: String(cause), cause });
  }
}
