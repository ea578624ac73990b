/** What `fedx audit verify` says to people. */
import type { AuditReport, LogFault, LogReport } from "../../fed/audit/verify.ts";
import { sentence } from "../../refusal.ts";
import { plural } from "../../plural.ts";

/** A report in lines: each log, what is wrong, and what the answer does not say. */
export function auditText(report: AuditReport): string {
  const { ok, faults, logs, absent, identities_proven: proven } = report;
  const alone = logs.length === 1;
  return [
    ...logs.map((log) => logLine(log, { alone, fault: faults.find(({ path }) => path === log.path) })),
    ...faults.map(faultLine),
    ok
      ? alone
        ? "nothing is wrong in this log by itself"
        : "nothing is wrong as far as lines are covered: the logs are as they were written, and agree"
      : `${plural(faults.length, "log")} not as ${faults.length === 1 ? "it was" : "they were"} written`,
    ...alone
      ? [
        "one log alone shows changes only by those without its role's key, and no end that was cut off: give the other " +
        "roles' logs too",
      ]
      : [],
    ...alone || absent.length === 0
      ? []
      : [`not given: the log of ${absent.join(", ")}, of which a head is kept here: nothing is said of it`],
    ...proven
      ? []
      : ["who signed is not proven: pass --ca ca.pem to have the certificates in the logs judged"],
  ].join("\n");
}

function logLine(log: LogReport, { alone, fault }: { alone: boolean; fault?: LogFault }): string {
  const { path, role, run, lines, torn, lost, signed, held, holder, not_covered: open } = log;
  const whose = `${role ?? "no role's signature"}${run === null ? "" : `, run ${run.slice(0, 12)}`}`;
  const covered = held === 0
    ? "no line is covered by another role's log"
    : `${fault === undefined ? "" : "at most "}lines 1 to ${held} are covered by ${
      alone ? "what another role holds, as this log says" : holder
    }`;
  return [
    `${path}: ${whose}: ${plural(lines, "line")}, signed up to line ${signed}`,
    covered,
    ...open === 0 ? [] : [`${plural(open, "line")} not covered`],
    ...lost === 0 ? [] : [`${plural(lost, "line")} lost to a full disk, as it says`],
    ...torn === 0 ? [] : [`${plural(torn, "byte")} of an unfinished line, which its next start cuts`],
  ].join("; ");
}

function faultLine({ path, line, expected, got, proven }: LogFault): string {
  const known = proven === 0 ? "" : `; lines 1 to ${proven} are proven by another log`;
  return `${sentence({ what: `${path}, line ${line}`, expected, got })}${known}`;
}
