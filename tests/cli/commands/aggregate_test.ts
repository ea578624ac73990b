import { assertEquals, assertStringIncludes } from "@std/assert";
import { inFolder } from "../../testing/folder.ts";
import { runCommand } from "../../testing/run_command.ts";

Deno.test("aggregate looks at its settings and certificate before it reads or fetches weights", () =>
  inFolder(async (dir) => {
    const start = async (...more: string[]) => {
      const all = ["--silos", "a", "--rounds", "1", "--tls", `${dir}/tls`, "--init", `${dir}/none`];
      return await runCommand("aggregate", ...all, "--state", `${dir}/state`, ...more);
    };
    const quorum = await start("--quorum", "2");
    assertStringIncludes(quorum.stderr, "a --quorum of 1 to 1");
    assertEquals(quorum.code, 2);
    assertStringIncludes((await start()).stderr, `Cannot read ${dir}/tls/ca.pem`);
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
  }));
