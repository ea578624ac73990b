/** The operator's settings before anything is stored: what a run can have, and what differs from a stored run. */
import { ProtocolError } from "./errors.ts";
import type { Proposal } from "./messages.ts";
import { parseMessage, ProposalSchema, SettingsSchema } from "./schema.ts";

/** The settings before the first weights are known, which may have to be fetched. */
export type RunSettings = Omit<Proposal, "init">;

/**
 * Whether a run can have these settings; a restart reads them back through the same schema.
 * @throws {ProtocolError} `bad_proposal`, naming the field.
 */
export function checkProposal(proposal: Proposal | RunSettings): void {
  const { quorum, silos } = proposal;
  const schema = "init" in proposal ? ProposalSchema : SettingsSchema;
  parseMessage<unknown>(schema, JSON.stringify(proposal), { what: "the settings", code: "bad_proposal" });
  if (quorum > silos.length) {
    throw new ProtocolError("bad_proposal", {
      expected: `a --quorum of 1 to ${silos.length}, the silos invited`,
      got: String(quorum),
    });
  }
}

/** @throws {ProtocolError} `other_proposal` unless both are equal, naming the fields that differ with both values. */
export function checkSame(stored: Proposal, given: Proposal): void {
  const fields = differences(stored, given);
  if (fields.length === 0) return;
  const show = (side: 0 | 1) =>
    fields.map(([path, ...values]) => `${path} ${JSON.stringify(values[side])}`).join(", ").slice(0, 300);
  throw new ProtocolError("other_proposal", { expected: show(0), got: show(1) });
}

/** `[dot path, value in a, value in b]` of every leaf that differs. */
export function differences(a: unknown, b: unknown, path = ""): [string, unknown, unknown][] {
  const keys = [a, b].flatMap((value) => isRecord(value) ? Object.keys(value) : []);
  if (!isRecord(a) || !isRecord(b)) {
    return JSON.stringify(a) === JSON.stringify(b) ? [] : [[path, a, b]];
  }
  return [...new Set(keys)].flatMap((key) =>
    differences(a[key], b[key], path === "" ? key : `${path}.${key}`)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
