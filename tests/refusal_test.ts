import { assert, assertEquals } from "@std/assert";
import { ProtocolError } from "../src/fed/protocol/errors.ts";
import { isRefusal, refusal, sentence } from "../src/refusal.ts";

const PARTS = { what: "Cannot open x", expected: "a file", got: "none", remedy: "name one" };

Deno.test("refusal: an error of the wanted class says the parts in one sentence and carries them with its cause", () => {
  const cause = new Error("no entry");
  const error = refusal(RangeError, PARTS, { cause });
  assert(error instanceof RangeError);
  assertEquals(error.message, "Cannot open x: expected a file, got none (remedy: name one)");
  assertEquals([error.what, error.expected, error.got, error.remedy, error.cause], [
    ...Object.values(PARTS),
    cause,
  ]);
});

Deno.test("sentence: a refusal without a remedy ends after what came", () => {
  const { remedy: _, ...parts } = PARTS;
  assertEquals(sentence(parts), "Cannot open x: expected a file, got none");
});

Deno.test("isRefusal: built-in and protocol refusals are, other errors and values are not", () => {
  assert(isRefusal(refusal(Deno.errors.NotFound, PARTS)));
  assert(isRefusal(new ProtocolError("internal", { expected: "a", got: "b" })));
  for (const other of [new Error(sentence(PARTS)), PARTS, null, "Cannot"]) assert(!isRefusal(other));
});
