import { assertEquals } from "@std/assert";
import { namePaths } from "../../tools/dn.ts";

Deno.test("namePaths: only words that exist are paths, and the word after --filter never is", async () => {
  assertEquals(await namePaths(["--filter", "tests"]), false);
  assertEquals(await namePaths(["--filter", "x", "--fail-fast"]), false);
  assertEquals(await namePaths(["--filter", "x", "tests/cli"]), true);
  assertEquals(await namePaths(["no-such-file"]), false);
});
