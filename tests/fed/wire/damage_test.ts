import { assert, assertEquals } from "@std/assert";
import { Damage } from "../../../src/fed/wire/damage.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";

const bad = (code: "bad_frame" | "digest_mismatch" | "slots_taken") =>
  new ProtocolError(code, { expected: "x", got: "y" });

/** The code of the error that the `nth` damaged frame in a row ends in. */
function codeAfter(damage: Damage, nth: number): string {
  let last: unknown;
  for (let i = 0; i < nth; i++) last = damage.count(bad("bad_frame"));
  assert(last instanceof ProtocolError);
  return last.code;
}

Deno.test("Damage.count: the fifth in a row ends the upload, whatever offset comes back", () => {
  const damage = new Damage();
  damage.from(0);
  assertEquals(codeAfter(damage, 4), "bad_frame");
  damage.from(0);
  const last = damage.count(bad("digest_mismatch"));
  assert(last instanceof ProtocolError && last.code === "damaged_upload" && !last.retryable);
});

Deno.test("Damage.from: a byte gained begins the count anew; other errors are not counted", () => {
  const damage = new Damage();
  damage.from(0);
  assertEquals(codeAfter(damage, 4), "bad_frame");
  for (const error of [bad("slots_taken"), new Error("lost")]) assertEquals(damage.count(error), error);
  damage.from(1 << 20);
  assertEquals(codeAfter(damage, 4), "bad_frame");
  damage.from(0);
  assertEquals(codeAfter(damage, 1), "damaged_upload");
});
