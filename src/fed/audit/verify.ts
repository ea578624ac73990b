/**
 * Whether the logs of a run's roles are as they were written, and agree: each by itself (its links, its signed heads),
 * then each head that one keeps of another against that other's lines, then what several say of the same thing.
 *
 * Why the heads that others keep decide: who holds a role's key can write its whole log anew and sign it, but not what
 * the other side has been keeping since. So a log is proven up to the newest head of it in another folder, and a fault
 * that such a head shows lies after the last one that agrees. Pure over bytes.
 */
import type { Issuer } from "../pki/issuer.ts";
import { AGGREGATOR, siloRole } from "../state/folder.ts";
import { type Fact, factsIn, isFact, short } from "./facts.ts";
import { firstOf, type HeadsIn, headsIn } from "./heads_in.ts";
import { type Fault, type ReadLog, readLog } from "./read_log.ts";

/** One role's log. */
export interface LogFile {
  /** What it is called in faults. */
  path: string;
  /** As its state folder says: `aggregator`, or `silo` and its name; null: as its own heads say. */
  role: string | null;
  /** Whole or in pieces, which are read once. */
  bytes: Uint8Array | Iterable<Uint8Array>;
}

/** The first line of a log that is wrong. */
export interface LogFault extends Fault {
  path: string;
  /** The last line before it that a head in another folder bears out; 0 for none. */
  proven: number;
}

/** One log, as far as it goes. */
export interface LogReport {
  path: string;
  role: string | null;
  run: string | null;
  lines: number;
  /** Bytes of an unfinished last line. */
  torn: number;
  /** Lines that could not be written, as it says: what others tell of them is not missed in it. */
  lost: number;
  /** The last line that its own signatures cover; 0 for none. */
  signed: number;
  /** The last line that a head in another folder covers; of one folder alone, which its lines say that another role holds. */
  held: number;
  /** The log that holds it, null for none. */
  holder: string | null;
  /** Lines after that: whoever holds the role's key could have changed them. */
  not_covered: number;
}

export interface AuditReport {
  /** Whether nothing is wrong. */
  ok: boolean;
  /** Whether the certificates of all signatures were judged by a CA. */
  identities_proven: boolean;
  /** At most one of each log, its first. */
  faults: LogFault[];
  logs: LogReport[];
  /** Roles whose logs are not among these, though one of these keeps a head of them. */
  absent: string[];
}

/**
 * Events by which a silo's log knows an update's digest. Why several: a kill costs the line that was next, and its log
 * need not hold the receipt.
 */
const SENDING: ReadonlySet<unknown> = new Set(["update_written", "masked", "sent", "receipt"]);
/** Events that are looked at beside facts. */
const READ: ReadonlySet<unknown> = new Set(["head", "head_taken", "lines_lost", ...SENDING]);

/** A log under examination. */
interface Case {
  file: LogFile;
  read: ReadLog;
  heads: HeadsIn;
  fault: Fault | null;
  /** The newest head of it that another folder keeps and its lines bear out. */
  held: { lines: number; holder: string } | null;
}

/**
 * Examines the logs.
 * @param options.ca whose certificates signatures must be of; null: identities are not proven
 * @param options.proven as `checkHead` has it @default none
 */
export function verifyLogs(
  files: readonly LogFile[],
  options: { ca: Issuer | null; proven?: Set<string> },
): AuditReport {
  const { ca, proven: signatures = new Set() } = options;
  const keeps = (type: unknown) => READ.has(type) || isFact(type);
  const cases = files.map((file): Case => {
    const read = readLog(file.bytes, { keeps });
    const heads = headsIn(read.entries, { role: file.role, ca, proven: signatures });
    return { file, read, heads, fault: firstOf(read.fault, heads.fault), held: null };
  });
  compareRuns(cases);
  const absent = absentFrom(cases);
  refuseUnsigned(cases, absent);
  tellBehind(cases, absent);
  const proven = new Map(cases.map((one) => [one, compareHeads(one, cases)]));
  compareFacts(cases);
  const faults = cases.flatMap(({ file: { path }, fault }, i) => {
    return fault === null ? [] : [{ path, ...fault, proven: proven.get(cases[i])!(fault.line) }];
  });
  const logs = cases.map((one) => reportOf(one, { alone: cases.length === 1 }));
  return { ok: faults.length === 0, identities_proven: ca !== null, faults, logs, absent };
}

/** One run, that of most logs, and each role once. */
function compareRuns(cases: readonly Case[]): void {
  const of = Map.groupBy(cases.filter(({ heads }) => heads.run !== null), ({ heads }) => heads.run!);
  const [most] = [...of.values()].sort((a, b) => b.length - a.length);
  const roles = new Map<string, Case>();
  for (const one of cases) {
    const { run, role } = one.heads;
    const twin = role === null ? undefined : roles.get(role);
    if (role !== null) roles.set(role, one);
    if (run !== null && run !== most[0].heads.run) {
      const expected = `a log of run ${most[0].heads.run}, as ${most[0].file.path} is`;
      one.fault = firstOf(one.fault, { line: 1, expected, got: `one of run ${run}` });
    } else if (twin !== undefined) {
      const got = `another of the ${role} beside ${twin.file.path}`;
      one.fault = firstOf(one.fault, { line: 1, expected: "one log of each role", got });
    }
  }
}

/** Roles that the logs keep heads of, of whom there is no log. */
function absentFrom(cases: readonly Case[]): string[] {
  const given = new Set(cases.map(({ heads: { role } }) => role));
  const kept = new Set(cases.flatMap(({ heads }) => heads.kept.map(({ role }) => role)));
  return [...kept].filter((role) => !given.has(role)).sort();
}

/** A log that says of nobody whose it is may be an absent role's, cut before its first signature. */
function refuseUnsigned(cases: readonly Case[], absent: readonly string[]): void {
  if (absent.length === 0) return;
  for (const one of cases) {
    if (one.heads.role !== null || one.fault !== null) continue;
    const expected = `a log that its role has signed, or its state folder, since others hold heads of the ${
      absent.join(", ")
    }`;
    one.fault = { line: 1, expected, got: "no signature" };
  }
}

/**
 * A head that is behind an earlier one of its role is told where that role's log is not there to say which of both it
 * bears out: one that comes late, of a log that goes on, is nothing.
 */
function tellBehind(cases: readonly Case[], absent: readonly string[]): void {
  for (const one of cases) {
    for (const role of absent) one.fault = firstOf(one.fault, one.heads.behind.get(role) ?? null);
  }
}

/** Compares a log with what the others keep of it; returns, for a line, the last one up to it that they bear out. */
function compareHeads(one: Case, cases: readonly Case[]): (line: number) => number {
  const { entries } = one.read;
  const { run } = one.heads; // null for a log that ends before its first head
  const kept = cases.filter((other) => other !== one && (run === null || other.heads.run === run)).flatMap((
    other,
  ) =>
    other.heads.kept.filter(({ role }) => role === one.heads.role).map((head) => ({
      ...head,
      file: other.file,
    }))
  ).sort((a, b) => a.head.lines - b.head.lines);
  let proven = 0;
  for (const { head, file, line } of kept) {
    if (head.lines > entries.length && one.read.fault !== null) break; // its links say where
    const where = `${file.path}, line ${line}, keeps`;
    const found = entries[head.lines - 1]?.digest;
    if (found === head.digest) {
      proven = head.lines;
      one.held = { lines: head.lines, holder: file.path };
      continue;
    }
    const wanted = `lines that end in line ${head.lines} of digest ${
      head.digest.slice(0, 12)
    }, which ${where}`;
    const fault = found === undefined
      ? { line: Math.min(proven, entries.length) + 1, expected: wanted, got: `${entries.length} lines` }
      : { line: proven + 1, expected: wanted, got: `one of ${found.slice(0, 12)}` };
    one.fault = firstOf(one.fault, fault);
    break;
  }
  const good = kept.map(({ head }) => head.lines).filter((lines) => lines <= proven);
  return (line) => good.findLast((lines) => lines < line) ?? 0;
}

/** Compares what the logs say of the same things, as far as each is believed; the aggregator's word comes first. */
function compareFacts(cases: readonly Case[]): void {
  const told = new Map<string, Fact & { path: string }>();
  const hub = cases.find(({ heads }) => heads.role === AGGREGATOR);
  for (const one of hub === undefined ? cases : [hub, ...cases.filter((other) => other !== hub)]) {
    const { read, heads, file } = one;
    const end = one.fault?.line ?? Infinity;
    const { facts, fault } = factsIn(read.entries.filter(({ line }) => line < end), heads.role ?? "");
    one.fault = firstOf(one.fault, fault);
    const whole = hub !== undefined && hub !== one && hub.fault === null && lostIn(hub.read) === 0;
    for (const fact of facts.values()) {
      const said = told.get(fact.about);
      if (said === undefined) told.set(fact.about, { ...fact, path: file.path });
      const wrong = said === undefined
        ? whole && fact.first
          ? { expected: `${fact.about} in ${hub.file.path} too`, got: "it here alone" }
          : null
        : said.value === fact.value
        ? null
        : {
          expected: `${fact.about} as in ${said.path}, line ${said.line}: ${short(said.value)}`,
          got: short(fact.value),
        };
      if (wrong !== null) one.fault = firstOf(one.fault, { line: fact.line, ...wrong });
    }
  }
  if (hub !== undefined) {
    compareSent(
      hub,
      cases,
      [...told.values()].filter(({ path }) => path === hub.file.path),
    );
  }
}

/** What the aggregator has counted in a silo's name, that silo's log knows: as written, masked, sent or received. */
function compareSent(hub: Case, cases: readonly Case[], facts: readonly Fact[]): void {
  for (const { heads, read, file, fault } of cases) {
    const counted = facts.filter(({ update }) =>
      update !== undefined && siloRole(update.silo) === heads.role
    );
    if (counted.length === 0 || fault !== null || lostIn(read) > 0) continue;
    const known = new Set(read.entries.map(({ event }) => SENDING.has(event.type) ? event.sha256 : null));
    const made = counted.find(({ update }) => !known.has(update!.sha256));
    if (made === undefined) continue;
    const expected = `${made.about}, ${short(made.update!.sha256)}, in ${file.path} too`;
    hub.fault = firstOf(hub.fault, { line: made.line, expected, got: "it here alone" });
  }
}

/** How many lines a full disk has cost. */
function lostIn({ entries }: ReadLog): number {
  return entries.reduce(
    (sum, { event: { type, lines } }) => sum + (type === "lines_lost" ? Number(lines) || 1 : 0),
    0,
  );
}

function reportOf({ file, read, heads, held }: Case, { alone }: { alone: boolean }): LogReport {
  const covered = alone ? heads.held : held?.lines ?? 0;
  return {
    ...{ path: file.path, role: heads.role, run: heads.run, lines: read.lines },
    ...{ torn: read.torn, lost: lostIn(read) },
    ...{ signed: heads.signed, held: covered, holder: held?.holder ?? null },
    not_covered: read.lines - covered,
  };
}
