/** Logs of whole runs for tests of the audit, and what is done to them. */
import { type AuditReport, type LogFile, verifyLogs } from "../../src/fed/audit/verify.ts";
import { GENESIS } from "../../src/fed/audit/chain.ts";
import { signHead } from "../../src/fed/audit/sign.ts";
import { type Issuer, issuerOf } from "../../src/fed/pki/issuer.ts";
import { type Identity, readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { digest } from "../../src/files/digest.ts";
import { runFederation, withFederation } from "./fake_federation.ts";

export const ROLES = ["aggregator", "a", "b", "c"];

export const roleOf = (name: string) => name === "aggregator" ? name : `silo ${name}`;

/** The logs of a run, and what its roles sign with. */
export interface AuditedRun {
  ca: Issuer;
  logs: (LogFile & { bytes: Uint8Array })[];
  identities: Map<string, Identity>;
}

/** The logs that a federation in `dir` has written. */
export async function logsOf(dir: string, suffix = ""): Promise<AuditedRun> {
  const identities = new Map<string, Identity>();
  const logs = await Promise.all(ROLES.map(async (name) => {
    identities.set(name, await readIdentity(`${dir}/tls-${name}`));
    const bytes = await Deno.readFile(`${dir}/state-${name}${suffix}/events.jsonl`);
    return { path: name, role: roleOf(name), bytes };
  }));
  return { ca: issuerOf(await Deno.readTextFile(`${dir}/ca/ca.pem`)), logs, identities };
}

/** Two runs, one after the other, of one federation. */
export async function twoRuns(rounds: number): Promise<[AuditedRun, AuditedRun]> {
  const runs: AuditedRun[] = [];
  await withFederation(async (dir) => {
    for (const suffix of ["-1", "-2"]) {
      await runFederation({ dir, rounds, logged: true, suffix });
      runs.push(await logsOf(dir, suffix));
    }
  });
  return runs as [AuditedRun, AuditedRun];
}

/** Verifies a run's logs, some of them changed. */
export function verifying({ ca, logs }: AuditedRun, proven = new Set<string>()) {
  return (changed: Record<string, Uint8Array> = {}, only: readonly string[] = ROLES) =>
    verifyLogs(
      logs.filter(({ path }) => only.includes(path)).map((log) => ({
        ...log,
        bytes: changed[log.path] ?? log.bytes,
      })),
      { ca, proven },
    );
}

/** What a report says of one log. */
export const reportOf = (report: AuditReport, path: string) => report.logs.find((log) => log.path === path)!;

export const bytesIn = ({ logs }: AuditedRun, path: string) => logs.find((log) => log.path === path)!.bytes;
export const eventsOf = (run: AuditedRun, path: string) =>
  linesIn(bytesIn(run, path)).map((line) => JSON.parse(line));

export const linesIn = (bytes: Uint8Array) => new TextDecoder().decode(bytes).split("\n").slice(0, -1);
export const bytesOf = (lines: readonly string[]) =>
  new TextEncoder().encode(lines.map((l) => `${l}\n`).join(""));

/** The log as whoever holds the role's key writes it anew after a change: all links made and all own heads signed again. */
export function rebuilt(lines: readonly string[], identity: Identity | null): string[] {
  const out: string[] = [];
  const digests: string[] = [];
  for (const line of lines) {
    const { prev: _prev, ...event } = JSON.parse(line);
    if (event.type === "head" && identity !== null) {
      const { run, role, lines, time } = event.head.head;
      const before = Math.min(lines, digests.length); // fewer where one was taken out
      const at = { lines: before, digest: digests[before - 1] };
      event.head = signHead(at, { run, role, identity, now: new Date(time) });
    }
    out.push(JSON.stringify({ prev: digests.at(-1) ?? GENESIS, ...event }));
    digests.push(digest(out.at(-1)!));
  }
  return out;
}

/** The first line that is not as it was, from 1; 0 for none. */
export function firstChanged(lines: readonly string[], now: Uint8Array): number {
  const latin = new TextDecoder("latin1");
  const there = latin.decode(now).split("\n").slice(0, -1);
  const here = lines.map((line) => latin.decode(new TextEncoder().encode(line)));
  const at = here.findIndex((line, i) => line !== there[i]);
  return at >= 0 ? at + 1 : there.length > here.length ? here.length + 1 : 0;
}
