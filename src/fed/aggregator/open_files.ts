/**
 * How many files an aggregator may have open.
 *
 * Why it asks at its start: strangers fill its port up to `handshakes.ts`'s bound, and a Deno (2.9.3) that has no file
 * left for its own signals ends the process, which nothing in here can hold.
 */
import { closeSync, openSync } from "node:fs";
import { ProtocolError } from "../protocol/errors.ts";

/** Open files without which no aggregator starts. */
export const LEAST_FILES = 256;

/**
 * Files that this process may have open, `LEAST_FILES` for more; null where that cannot be found out.
 *
 * Why by trying: only a program with all of Deno's permissions may read /proc/self/limits. A file gets the lowest
 * number that is free, so the last one that could be opened tells.
 */
export function openFiles(): number | null {
  const files: number[] = [];
  try {
    while ((files.at(-1) ?? 0) < LEAST_FILES - 1) files.push(openSync("/dev/null", "r"));
    return LEAST_FILES;
  } catch (error) {
    const full = (error as { code?: string }).code === "EMFILE";
    return full ? (files.at(-1) ?? 0) + 1 : null;
  } finally {
    files.forEach((file) => closeSync(file));
  }
}

/** @throws {ProtocolError} `too_few_files`. */
export function requireOpenFiles(limit: number | null = openFiles()): void {
  if (limit === null || limit >= LEAST_FILES) return;
  throw new ProtocolError("too_few_files", {
    expected: `at least ${LEAST_FILES} open files for this process`,
    got: `${limit}`,
  });
}
