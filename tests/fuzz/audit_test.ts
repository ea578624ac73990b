/** Mutated logs through `fedx audit verify`: never a crash, and what a head in another folder covers is refused with a reason. */
import { assert, assertEquals } from "@std/assert";
import { canonicalDigest } from "../../src/files/canonical.ts";
import { GENESIS } from "../../src/fed/audit/chain.ts";
import { checkHead } from "../../src/fed/audit/sign.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { parseMessage, SignedHeadSchema } from "../../src/fed/protocol/messages.ts";
import type { AuditReport } from "../../src/fed/audit/verify.ts";
import { digest } from "../../src/files/digest.ts";
import { bytesOf, eventsOf, firstChanged, linesIn, logsOf, verifying } from "../testing/audited_run.ts";
import { runFederation, withFederation } from "../testing/fake_federation.ts";
import { assertRefusal, campaignJson, campaignSync, cases } from "./mutate.ts";

/** The whole campaign, a tenth of it in CI. */
const COUNTS = { bytes: 60_000, lines: 20_000, heads: 20_000 };

let run!: Awaited<ReturnType<typeof logsOf>>;
await withFederation(async (dir) => {
  await runFederation({ dir, rounds: 1, logged: true });
  run = await logsOf(dir);
});
const verify = verifying(run);
const clean = verify();
const bytes = (path: string) => run.logs.find((log) => log.path === path)!.bytes;

function assertReasons({ ok, faults }: AuditReport): void {
  assert(ok === (faults.length === 0));
  for (const { line, expected, got } of faults) assert(line >= 1 && expected.length > 5 && got.length > 3);
}

Deno.test(`parseMessage and checkHead: ${cases(COUNTS.heads)} spoiled heads of a role are refused with a reason`, () => {
  const { head } = eventsOf(run, "a").find(({ type }) => type === "head");
  const check = (bytes: Uint8Array) => {
    try {
      const read = parseMessage(SignedHeadSchema, bytes, { what: "a head" });
      checkHead(read, { run: head.head.run, role: "silo a", ca: run.ca });
      assertEquals(canonicalDigest(read.head), canonicalDigest(head.head));
    } catch (error) {
      assertRefusal(error, [ProtocolError]);
    }
  };
  campaignJson(head, check, { count: COUNTS.heads / 2 });
  campaignSync([new TextEncoder().encode(JSON.stringify(head))], check, { count: COUNTS.heads / 2 });
});

for (const path of ["aggregator", "a"]) {
  Deno.test(`verifyLogs: ${cases(COUNTS.bytes / 2)} mutations of the bytes of the log of ${path}`, () => {
    const lines = linesIn(bytes(path));
    const { held } = clean.logs.find((log) => log.path === path)!;
    campaignSync([bytes(path)], (mutant) => {
      const report = verify({ [path]: mutant }, ["aggregator", "a"]);
      assertReasons(report);
      const line = firstChanged(lines, mutant);
      if (line === 0 || line > held) return;
      assert(
        report.faults.some((fault) => fault.path === path && fault.line <= line),
        `line ${line} of ${path}`,
      );
    }, { count: COUNTS.bytes / 2 });
  });

  Deno.test(`verifyLogs: ${cases(COUNTS.lines / 2)} lines of ${path} with a field spoiled, on a chain that holds`, () => {
    const events = linesIn(bytes(path)).map((line) => JSON.parse(line));
    campaignJson(events, (json) => {
      const spoiled: unknown[] = Object.values(JSON.parse(new TextDecoder().decode(json)));
      const report = verify({ [path]: bytesOf(linked(spoiled)) }, ["aggregator", "a"]);
      assertReasons(report);
      const last = clean.logs.find((log) => log.path === path)!.held;
      const same = canonicalDigest(spoiled.slice(0, last).map(unlinked)) ===
        canonicalDigest(events.slice(0, last).map(unlinked));
      assert(same || !report.ok, "a spoiled line passes");
    }, { count: COUNTS.lines / 2 });
  });
}

/** A line without its link. */
function unlinked(event: unknown): unknown {
  if (typeof event !== "object" || event === null || Array.isArray(event)) return event;
  const { prev: _prev, ...rest } = event as Record<string, unknown>;
  return rest;
}

/** Lines whose links hold; what is no object stays as it is. */
function linked(events: readonly unknown[]): string[] {
  let prev = GENESIS;
  return events.map((event) => {
    const rest = unlinked(event);
    const line = rest === event ? JSON.stringify(event) : JSON.stringify({ prev, ...rest as object });
    prev = digest(line);
    return line;
  });
}
