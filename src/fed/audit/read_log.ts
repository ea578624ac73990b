/** A log's bytes as lines, each checked against the one before; from the first that is wrong on nothing is believed. */
import { digest } from "../../files/digest.ts";
import { GENESIS } from "./chain.ts";

const LINE_FEED = 10;

/** One believed line. */
export interface Entry {
  /** From 1. */
  line: number;
  /** SHA-256 of its bytes. */
  digest: string;
  event: Readonly<Record<string, unknown>>;
}

/** The first line of a log that is wrong, and how. */
export interface Fault {
  line: number;
  expected: string;
  got: string;
}

export interface ReadLog {
  /** The lines before the fault. */
  entries: Entry[];
  /** Lines in all. */
  lines: number;
  /** Bytes of an unfinished last line, which the role's next start cuts. */
  torn: number;
  fault: Fault | null;
}

/** Reads a log. Of a link that does not hold it is the earlier line that is named: one of the two was changed. */
export function readLog(bytes: Uint8Array): ReadLog {
  const entries: Entry[] = [];
  let fault: Fault | null = null;
  let lines = 0, start = 0, before = GENESIS;
  for (let end; (end = bytes.indexOf(LINE_FEED, start)) >= 0; start = end + 1) {
    lines++;
    if (fault !== null) continue;
    const raw = bytes.subarray(start, end);
    const event = objectIn(raw);
    fault = faultOf(event, { line: lines, before });
    if (fault === null) entries.push({ line: lines, digest: before = digest(raw), event: event! });
    else if (fault.line < lines) entries.pop();
  }
  return { entries, lines, torn: bytes.length - start, fault };
}

/** What is wrong with a line that follows one of digest `before`. */
function faultOf(
  event: Record<string, unknown> | null,
  { line, before }: { line: number; before: string },
): Fault | null {
  if (event === null) return { line, expected: "a JSON object", got: "something else" };
  const { prev } = event;
  if (prev === before) return null;
  if (typeof prev !== "string") {
    const got = "one without a link: a log of an older fedx, of which nothing can be told, or a changed line";
    return { line, expected: "a line that names the digest of the one before", got };
  }
  const [named, is] = [prev, before].map((digest) => digest.slice(0, 12));
  if (line === 1) {
    return { line, expected: "the first line of a log", got: `one that follows another, ${named}` };
  }
  return {
    line: line - 1,
    expected: `the line of digest ${named} that line ${line} names`,
    got: `one of ${is}`,
  };
}

/** The JSON object that a line is, null for none. */
function objectIn(raw: Uint8Array): Record<string, unknown> | null {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
