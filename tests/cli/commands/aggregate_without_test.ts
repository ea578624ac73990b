import { assertEquals, assertStringIncludes } from "@std/assert";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { inFolder } from "../../testing/folder.ts";
import { runCommand } from "../../testing/run_command.ts";

Deno.test("aggregate --without refuses a run that has not begun, and a new one, whose state stays where it is", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
    const run = ["--silos", "a,b,c", "--rounds", "1", "--size", "32", "--init", "random", "--without", "b"];
    const where = ["--tls", `${dir}/tls`, "--state", `${dir}/state`, "--listen", "127.0.0.1:0"];
    for (const more of [[], ["--new"]]) {
      const { code, stderr } = await runCommand("aggregate", ...run, ...where, ...more);
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, "Cannot go on without these silos: expected a run that has begun");
      assertStringIncludes(stderr, "leave them out of --silos instead, with --new");
    }
    const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
    assertEquals(names.filter((name) => name.startsWith("state.")), []);
  }));
