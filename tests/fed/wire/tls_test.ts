import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { requireCheckedTls, requirePinnedDeno } from "../../../src/fed/wire/tls.ts";

Deno.test("requirePinnedDeno refuses every other Deno and says why", () => {
  requirePinnedDeno("2.9.3");
  const error = assertThrows(() => requirePinnedDeno("2.9.4"), ProtocolError);
  assert(error.message.includes("2.9.3"), error.message);
});

Deno.test("requireCheckedTls refuses NODE_TLS_REJECT_UNAUTHORIZED=0, naming it, and nothing else", () => {
  for (const value of [undefined, "", "1"]) requireCheckedTls(value);
  const error = assertThrows(() => requireCheckedTls("0"), ProtocolError);
  assertEquals(error.code, "unchecked_tls");
  assertStringIncludes(error.message, "NODE_TLS_REJECT_UNAUTHORIZED=0");
});
