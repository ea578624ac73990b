import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { STATUS_CODE } from "@std/http";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { FAILURES, isFailureCode } from "../../../src/fed/protocol/failures.ts";
import { sources } from "../../architecture/sources.ts";
import { ErrorBodySchema, parseMessage } from "../../../src/fed/protocol/messages.ts";

Deno.test("FAILURES: every entry is complete and retryable ones are never a plain refusal", () => {
  const statuses: number[] = Object.values(STATUS_CODE);
  for (const [code, failure] of Object.entries(FAILURES)) {
    assert(/^[a-z]+(_[a-z]+)*$/.test(code), code);
    assert(failure.status === 0 || failure.status >= 400 && statuses.includes(failure.status), code);
    assert(failure.what.startsWith("Cannot ") && !failure.what.endsWith("."), code);
    assert(failure.remedy.length > 5, code);
    if ([403, 404, 405, 413].includes(failure.status)) assert(!failure.retryable, code);
  }
});

Deno.test("FAILURES: total, src/fed raises every code of the table and no other", async () => {
  const raised = new Set<string>(), named = new Set<string>();
  const files = (await sources(["src/fed"])).filter(({ path }) =>
    path.startsWith("src/fed/") && !path.endsWith("/failures.ts")
  );
  for (const { path } of files) assert(path.split("/").length > 3, `${path} lies in no room`);
  for (const { text } of files) {
    for (const [, code] of text.matchAll(/new ProtocolError\(\s*"([a-z_]+)"/g)) raised.add(code);
    for (const [, code] of text.matchAll(/"([a-z]+(?:_[a-z]+)+|internal|unreachable)"/g)) named.add(code);
  }
  assert(raised.size > 5);
  for (const code of raised) assert(isFailureCode(code), code);
  for (const code of Object.keys(FAILURES)) assert(named.has(code), `nobody raises ${code}`);
});

Deno.test("ProtocolError: text names both values and the remedy; its body passes the schema and comes back", () => {
  const error = new ProtocolError("other_base", { expected: "base aa", got: "x".repeat(1000) });
  assertEquals([error.status, error.retryable, error.code], [409, false, "other_base"]);
  assertStringIncludes(error.message, "Cannot take an update of another base: expected base aa, got xxx");
  assertStringIncludes(error.message, error.remedy);
  const body = parseMessage(ErrorBodySchema, JSON.stringify(error.toBody()), { what: "an error" });
  const back = ProtocolError.fromBody(body);
  assertEquals([back.code, back.expected, back.remedy], [error.code, error.expected, error.remedy]);
});

Deno.test("ProtocolError.fromBody: unknown codes and names of Object.prototype are bad answers", () => {
  for (const code of ["toString", "constructor", "nonsense"]) {
    assertEquals(ProtocolError.fromBody({ code, expected: "", got: "", remedy: "" }).code, "bad_answer");
  }
});
