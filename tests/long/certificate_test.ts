import { assert } from "@std/assert";
import { judgeAltered } from "../testing/altered.ts";

const BYTES = Array.from({ length: 256 }, (_, byte) => byte);

Deno.test("judge refuses a genuine certificate with any byte changed to any other, any inserted anywhere, any left out", async () => {
  const count = await judgeAltered({
    changes: (byte) => BYTES.filter((other) => other !== byte),
    insertions: () => BYTES,
  });
  assert(count > 400_000, `${count} certificates`);
});
