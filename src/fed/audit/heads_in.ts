/** The signed heads in one log: its own, which its lines must bear out, and those of others that it keeps. */
import * as v from "valibot";
import type { Issuer } from "../pki/issuer.ts";
import { ProtocolError } from "../protocol/errors.ts";
import {
  type ChainHead,
  ChainHeadSchema,
  type Head,
  type SignedHead,
  SignedHeadSchema,
} from "../protocol/signed_head.ts";
import type { Entry, Fault } from "./read_log.ts";
import { checkHead } from "./sign.ts";

/** What signatures are judged by, as `checkHead` has it. */
export interface Judge {
  ca: Issuer | null;
  proven: Set<string>;
}

/** Another role's head, and the line that keeps it. */
export interface Kept {
  line: number;
  role: string;
  head: ChainHead;
}

export interface HeadsIn {
  /** The run that the log is of, null where no head says it. */
  run: string | null;
  /** As the folder says, or its own heads. */
  role: string | null;
  /** The last line that an own head covers; 0 for none. */
  signed: number;
  /** The last line that another role has said to hold a head of. */
  held: number;
  kept: Kept[];
  /** By role the newest of these, and the first that is of an earlier line, or of the same one and another. */
  newest: Map<string, ChainHead>;
  behind: Map<string, Fault>;
  fault: Fault | null;
}

const TakenSchema = v.object({ head: SignedHeadSchema, held: v.nullable(ChainHeadSchema) });

/** Checks the heads among `entries`, the first lines of a log. @param options.role as the folder says, null: unknown */
export function headsIn(
  entries: readonly Entry[],
  options: Judge & { role: string | null },
): HeadsIn {
  const found: HeadsIn = {
    ...{ run: null, role: options.role, signed: 0, held: 0 },
    ...{ kept: [], newest: new Map(), behind: new Map(), fault: null },
  };
  for (const entry of entries) {
    const { type } = entry.event;
    const wrong = type === "head"
      ? ownHead(entry, { entries, found, judge: options })
      : type === "head_taken"
      ? takenHead(entry, { entries, found, judge: options })
      : null;
    found.fault = firstOf(found.fault, wrong);
  }
  return found;
}

/** The one of two faults whose line comes first. */
export function firstOf(a: Fault | null, b: Fault | null): Fault | null {
  return a === null || (b !== null && b.line < a.line) ? b : a;
}

interface Context {
  entries: readonly Entry[];
  found: HeadsIn;
  judge: Judge;
}

function ownHead({ line, event }: Entry, { entries, found, judge }: Context): Fault | null {
  const read = v.safeParse(SignedHeadSchema, event.head, { abortEarly: true });
  if (!read.success) return { line, expected: "a signed head", got: "something else" };
  const wrong = judged(read.output, line, { found, judge, role: found.role ?? read.output.head.role }) ??
    mismatch(entries, read.output.head, { before: line, bound: found.signed, whose: "its own head" });
  if (wrong !== null) return wrong;
  found.role = read.output.head.role;
  found.signed = Math.max(found.signed, read.output.head.lines);
  return null;
}

function takenHead({ line, event }: Entry, { entries, found, judge }: Context): Fault | null {
  const read = v.safeParse(TakenSchema, event, { abortEarly: true });
  if (!read.success) return { line, expected: "another role's signed head", got: "something else" };
  const { head: { head }, held } = read.output;
  const wrong = judged(read.output.head, line, { found, judge, role: head.role });
  if (wrong !== null) return wrong;
  keep(found, line, head);
  if (held === null) return null;
  const gone = mismatch(entries, held, {
    before: line,
    bound: found.held,
    whose: `what the ${head.role} holds of it`,
  });
  found.held = Math.max(found.held, gone === null ? held.lines : 0);
  return gone;
}

/** Notes a head, and whether it is behind one of before: that is no fault of the log that keeps both. */
function keep({ kept, newest, behind }: HeadsIn, line: number, head: Head): void {
  const { role, lines, digest } = head;
  kept.push({ line, role, head: { lines, digest } });
  const last = newest.get(role);
  if (last === undefined || lines > last.lines) return void newest.set(role, { lines, digest });
  if (behind.has(role) || lines === last.lines && digest === last.digest) return;
  const got = `one of line ${lines}: its log was changed, lost or put back from a copy`;
  behind.set(role, { line, expected: `a head of the ${role} after its line ${last.lines}`, got });
}

/** Whether the signature is good, and the run the log's. */
function judged(
  signed: SignedHead,
  line: number,
  { found, judge, role }: Pick<Context, "found" | "judge"> & { role: string },
): Fault | null {
  const { ca, proven } = judge;
  found.run ??= signed.head.run;
  try {
    checkHead(signed, { run: found.run, role, ca, proven });
    return null;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const { expected, got } = error;
    return { line, expected: `a signed head: ${expected}`, got };
  }
}

/**
 * Whether the log bears a head of its own out. The fault lies somewhere after the last line that a head before it bears
 * out, so that one is named.
 * @param options.before the line that says so
 */
function mismatch(
  entries: readonly Entry[],
  { lines, digest }: ChainHead,
  options: { before: number; bound: number; whose: string },
): Fault | null {
  const { before, bound, whose } = options;
  if (lines < before && entries[lines - 1].digest === digest) return null;
  const line = Math.min(bound + 1, before);
  const got = lines < before ? `one of ${entries[lines - 1].digest.slice(0, 12)}` : "one that comes later";
  return {
    line,
    expected: `lines that end in line ${lines} of digest ${digest.slice(0, 12)}, as ${whose} says`,
    got,
  };
}
