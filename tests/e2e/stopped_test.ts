import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { inFolder } from "../testing/folder.ts";
import { OnTerminal } from "../testing/terminal.ts";

const TASK = [
  Deno.execPath(),
  "task",
  "--config",
  fileURLToPath(new URL("../../deno.json", import.meta.url)),
];

Deno.test("Ctrl-C ends a role on a terminal with 130, SIGTERM with 143, through `deno task` too", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
    const where = ["--tls", `${dir}/tls`, "--state", `${dir}/state`, "--listen", "127.0.0.1:0"];
    const args = ["aggregate", "--silos", "a", ...where, "--size", "32", "--rounds", "1", "--init", "random"];
    const stop = async (how: "Ctrl-C" | "SIGTERM", command?: string[]) => {
      const hub = await OnTerminal.start(args, { cwd: dir, command });
      await hub.when(/^listening on /);
      if (how === "Ctrl-C") await hub.type("\x03");
      else await hub.kill("SIGTERM");
      const { code, lines } = await hub.finished;
      assertEquals(lines.at(-1), "Stopped; the same command goes on from here.");
      return code;
    };
    assertEquals(await stop("SIGTERM"), 143);
    assertEquals(await stop("Ctrl-C", [...TASK, "fedx"]), 130);
  }));

Deno.test("Ctrl-C ends the demo with 130", () =>
  inFolder(async (dir) => {
    const demo = await OnTerminal.start(["demo", "--out", "demo"], { cwd: dir });
    await demo.when(/^The films of this demo are drawn/);
    await demo.type("\x03");
    const { code, lines } = await demo.finished;
    assertEquals([code, lines.at(-1)], [130, "Stopped before the end."]);
  }));
