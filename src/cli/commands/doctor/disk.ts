// Why: a full or slow disk shows hours into a run; free space and the cost of fsync show now.
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { median } from "../../../fed/maths/median.ts";
import { bad, bytes, type Check, failed, good } from "./check.ts";

/** Bytes for SQLite, its log and events.jsonl. */
const REST = 64 << 20;
/** Bytes written and synced in one probe, and how often. */
const PROBE = { bytes: 1 << 20, times: 5 };
/** Milliseconds for a synced MiB from which on it is said to be slow. */
const SLOW = 1000;

/** What the disk under a state folder is like. */
export interface DiskFacts {
  /** The folder that was probed: the state's, or the nearest one above it that is there. */
  dir: string;
  /** Bytes that this user may still write. */
  free: number;
  /** Median milliseconds to write and sync one MiB. */
  fsync: number;
}

/**
 * Bytes that a role's state may take: the aggregator keeps the base, the new, the selected, the last and the first model,
 * the exported one, and every silo's staged update, masked the size of two models; a silo the first model, its update,
 * that masked, and the selected model, all but the first with a temporary file.
 */
export function diskNeed(role: "silo" | "aggregator", options: { vector: number; silos: number }): number {
  return options.vector * (role === "silo" ? 9 : 6 + 2 * options.silos) + REST;
}

/** Measures in the state folder, or above it when that is not there yet; leaves nothing behind. */
export async function readDisk(state: string): Promise<DiskFacts> {
  const dir = await nearest(state);
  const { bavail, bsize } = await statfs(dir);
  const path = `${dir}/.fedx-doctor-${crypto.randomUUID()}.tmp`;
  try {
    const times: number[] = [];
    for (let i = 0; i < PROBE.times; i++) times.push(await writeSynced(path));
    return { dir, free: bavail * bsize, fsync: median(times) };
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

/** What the facts mean for a state that may take `need` bytes. */
export function checkDisk(facts: DiskFacts | Error, options: { state: string; need: number }): Check[] {
  const { state, need } = options;
  if (facts instanceof Error) {
    return [failed("disk", facts, `name a folder that this user may write to with --state (now ${state})`)];
  }
  const { dir, free, fsync } = facts;
  const space = `${bytes(free)} free under ${dir}, ${bytes(need)} may be needed`;
  const time = `${fsync.toFixed(fsync < 10 ? 1 : 0)} ms for a synced MiB`;
  return [
    free >= need
      ? good("disk", space)
      : bad("disk", space, "free some space, or name a folder on another disk with --state"),
    fsync < SLOW
      ? good("fsync", time)
      : good("fsync", `${time}: every round waits for it`, "name a folder on a faster disk with --state"),
  ];
}

async function nearest(path: string): Promise<string> {
  for (let dir = path;; dir = dirname(dir)) {
    const found = await Deno.stat(dir).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    });
    if (found?.isDirectory) return dir;
    if (found !== null) {
      throw new Error(`Cannot use the state folder ${path}: expected a folder, got a file at ${dir}`);
    }
    if (dir === dirname(dir)) return dir;
  }
}

async function writeSynced(path: string): Promise<number> {
  const block = crypto.getRandomValues(new Uint8Array(65536));
  const started = performance.now();
  using file = await Deno.open(path, { create: true, write: true, truncate: true });
  for (let done = 0; done < PROBE.bytes; done += block.length) file.writeSync(block);
  await file.sync();
  return performance.now() - started;
}
