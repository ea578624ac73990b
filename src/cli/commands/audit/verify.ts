import { type LogFile, verifyLogs } from "../../../fed/audit/verify.ts";
import { issuerOf } from "../../../fed/pki/issuer.ts";
import { ProtocolError } from "../../../fed/protocol/errors.ts";
import { lookInto } from "../../../fed/state/look.ts";
import { refusal } from "../../../refusal.ts";
import type { Context } from "../../context.ts";
import type { auditVerify } from "../../options/table/audit.ts";
import { auditText } from "../../output/audit.ts";

/** Says whether logs are as they were written; exit code 1 where one is not. */
export async function run({ values, output }: Context<typeof auditVerify>): Promise<number> {
  const ca = values.ca === undefined ? null : issuerOf(await Deno.readTextFile(values.ca));
  const report = verifyLogs(await Promise.all(values.STATE.map(readRole)), { ca });
  output.result(report, auditText(report));
  return report.ok ? 0 : 1;
}

/** The log of a state folder, or a log alone. */
async function readRole(given: string): Promise<LogFile> {
  const state = given.replace(/(.)\/+$/, "$1");
  const isFolder = await Deno.stat(state).then((info) => info.isDirectory, () => true);
  const path = isFolder ? `${state}/events.jsonl` : state;
  if (!await Deno.stat(path).then((info) => info.isFile, () => false)) {
    throw refusal(Error, {
      what: `Cannot verify ${state}`,
      expected: "a role's state folder with its events.jsonl, or that file",
      got: "neither",
      remedy:
        "look where that role was started: fedx-state/aggregator or fedx-state/NAME, unless --state says else",
    });
  }
  return { path, role: isFolder ? await roleOf(state) : null, bytes: piecesOf(path) };
}

/** A file's bytes, a piece at a time in the same buffer. */
function* piecesOf(path: string): Iterable<Uint8Array> {
  using file = Deno.openSync(path);
  const buffer = new Uint8Array(1 << 20);
  for (let got; (got = file.readSync(buffer)) !== null;) yield buffer.subarray(0, got);
}

/** Whose folder it is, null where its database does not say: the log is judged all the same. */
async function roleOf(state: string): Promise<string | null> {
  try {
    return (await lookInto(state, []))?.role ?? null;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
