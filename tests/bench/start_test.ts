import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { inFolder } from "../testing/folder.ts";

const BENCH = fileURLToPath(new URL("../../bench/start.ts", import.meta.url));

Deno.test("bench/start.ts refuses what is not the one file in one sentence with the remedy, exit 1", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/script`, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    const cases = { script: /got a script that runs fedx from source/, none: /got nothing/ };
    for (const [name, text] of Object.entries(cases)) {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--allow-all", "--no-config", "--no-lock", BENCH, `${dir}/${name}`],
        env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      }).output();
      const [said, ...more] = new TextDecoder().decode(stderr).trim().split("\n");
      assertEquals([code, stdout.length, more], [1, 0, []], said);
      assertMatch(said, /^Cannot measure the start: expected the one file at .*\(remedy: .*task compile/);
      assertMatch(said, text);
    }
  }));
