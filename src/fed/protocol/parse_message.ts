/** How JSON from a peer becomes a checked message; the error names the first wrong field by its dot path. */
import * as v from "valibot";
import { ProtocolError } from "./errors.ts";
import { WIRE_VERSION } from "./fields.ts";

/**
 * Checks JSON from a peer.
 * @param input The body, or its text.
 * @param options `what` completes “Cannot read …”; `code` is `bad_request` on the aggregator, `bad_answer` on a silo,
 * `bad_proposal` for the operator's own settings.
 * @throws {ProtocolError} naming the first wrong field by its dot path; `other_wire` for a message of another version.
 */
export function parseMessage<T>(
  schema: v.GenericSchema<unknown, T>,
  input: Uint8Array | string,
  options: { what: string; code?: "bad_request" | "bad_answer" | "bad_proposal" },
): T {
  const code = options.code ?? "bad_request";
  let value: unknown;
  try {
    value = JSON.parse(
      typeof input === "string" ? input : new TextDecoder("utf-8", { fatal: true }).decode(input),
    );
  } catch (cause) {
    throw new ProtocolError(code, { expected: `${options.what} as JSON`, got: "something else", cause });
  }
  checkWire(value);
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw new ProtocolError(code, describe(result.issues[0], options.what));
}

/** Another wire version may have other fields: it is named before any of them is. */
function checkWire(value: unknown): void {
  const message = value as { wire?: unknown; proposal?: { wire?: unknown } } | null;
  const wire = message?.wire ?? message?.proposal?.wire;
  if (typeof wire !== "number" || wire === WIRE_VERSION) return;
  throw new ProtocolError("other_wire", { expected: `wire version ${WIRE_VERSION}`, got: `${wire}` });
}

/** The first wrong field in words: valibot says “Expected never” of an unknown key. */
function describe(issue: v.BaseIssue<unknown>, what: string): { expected: string; got: string } {
  const path = v.getDotPath(issue) ?? what;
  const got = (issue.received ?? "something else").slice(0, 80);
  if (issue.expected === "never") return { expected: `${what} without the key ${path}`, got: "that key" };
  if (got === "undefined") return { expected: `${what} with the key ${path}`, got: "none" };
  const wanted = issue.type === "regex" || issue.type === "check"
    ? issue.message
    : issue.expected ?? issue.message;
  return { expected: `${wanted} at ${path}`, got };
}
