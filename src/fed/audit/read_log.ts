/**
 * A log's bytes as lines, each checked against the one before; from the first that is wrong on nothing is believed.
 *
 * Why in pieces, and why few events are kept: the log of a long run holds a million lines, and a forged one whatever
 * its writer liked.
 */
import { Buffer } from "node:buffer";
import { digest } from "../../files/digest.ts";
import { GENESIS } from "./chain.ts";

const LINE_FEED = 10;

/** Longest line that is looked at, bytes; fedx writes none of a hundredth of that. */
export const LONGEST_LINE = 16 << 20;

/** One believed line. */
export interface Entry {
  /** From 1. */
  line: number;
  /** SHA-256 of its bytes. */
  digest: string;
  /** Its type alone where nobody asks for more. */
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

/**
 * Reads a log, whole or in pieces. Of a link that does not hold it is the earlier line that is named: one of the two was
 * changed.
 * @param options.keeps whether events of this type are asked for
 */
export function readLog(
  bytes: Uint8Array | Iterable<Uint8Array>,
  { keeps }: { keeps: (type: unknown) => boolean },
): ReadLog {
  const entries: Entry[] = [];
  let fault: Fault | null = null;
  let lines = 0, before = GENESIS;
  const torn = splitLines(bytes instanceof Uint8Array ? [bytes] : bytes, (raw) => {
    lines++;
    if (fault !== null) return;
    const event = raw === null ? null : objectIn(raw);
    fault = faultOf(event, { line: lines, before });
    if (fault === null) {
      const { type } = event!;
      entries.push({ line: lines, digest: before = digest(raw!), event: keeps(type) ? event! : { type } });
    } else if (fault.line < lines) entries.pop();
  });
  return { entries, lines, torn, fault };
}

/** Gives each whole line, null for one that is too long; returns the bytes of an unfinished one. */
function splitLines(pieces: Iterable<Uint8Array>, take: (raw: Uint8Array | null) => void): number {
  let open: Uint8Array[] = [];
  let size = 0;
  for (const piece of pieces) {
    let start = 0;
    for (let end; (end = piece.indexOf(LINE_FEED, start)) >= 0; start = end + 1) {
      size += end - start;
      const rest = piece.subarray(start, end);
      take(size > LONGEST_LINE ? null : open.length === 0 ? rest : Buffer.concat([...open, rest]));
      [open, size] = [[], 0];
    }
    size += piece.length - start;
    if (size > LONGEST_LINE) open = [];
    else if (start < piece.length) open.push(piece.slice(start)); // the reader fills the same buffer again
  }
  return size;
}

/** What is wrong with a line that follows one of digest `before`. */
function faultOf(
  event: Record<string, unknown> | null,
  { line, before }: { line: number; before: string },
): Fault | null {
  if (event === null) {
    return { line, expected: `a JSON object of at most ${LONGEST_LINE} bytes`, got: "something else" };
  }
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
