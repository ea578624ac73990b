import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { namePaths } from "../../tools/dn.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("namePaths: only words that exist are paths, and the word after --filter never is", async () => {
  assertEquals(await namePaths(["--filter", "tests"]), false);
  assertEquals(await namePaths(["--filter", "x", "--fail-fast"]), false);
  assertEquals(await namePaths(["--filter", "x", "tests/cli"]), true);
  assertEquals(await namePaths(["no-such-file"]), false);
});

Deno.test("every task of deno.json that dn.ts runs is one of its commands, and the other way round", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as {
    tasks: Record<string, string>;
  };
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-config", "--no-lock", `${ROOT}tools/dn.ts`],
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
  }).output();
  const listed = /expected one of (.*), got nothing/.exec(new TextDecoder().decode(stderr))?.[1].split(", ");
  const own = Object.entries(tasks).filter(([, command]) => command.includes("tools/dn.ts"));
  assertEquals([code, listed?.toSorted()], [2, own.map(([name]) => name).sort()]);
  for (const [name, command] of own) assertEquals(command, `deno run -A --no-config tools/dn.ts ${name}`);
});
