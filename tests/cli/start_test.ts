import { assertEquals } from "@std/assert";
import { startOf } from "../../src/cli/start.ts";

Deno.test("startOf needs no temporary folder unless it fetches", async () => {
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", "/nonexistent");
  try {
    const start = await startOf({ network: "efficientnet_b0", channels: 1, init: "random", seed: 1 });
    assertEquals(start.kind, "random");
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
});
