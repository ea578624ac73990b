import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { SiloState } from "../../../src/fed/silo/state.ts";
import { StateFolder } from "../../../src/fed/state/folder.ts";
import type { SiloResult } from "../../../src/fed/training/result.ts";
import { proposalOf } from "../../testing/fake_federation.ts";
import { inFolder } from "../../testing/folder.ts";
import { run } from "../../testing/program.ts";
import { runCommand } from "../../testing/run_command.ts";
import { onTerminal } from "../../testing/terminal.ts";

Deno.test("status: exit code 0 for a role that runs or has finished, 3 for one that has ended before, 1 for none", () =>
  inFolder(async (dir) => {
    const status = async () => {
      const { code, stdout } = await runCommand("status", `${dir}/b`, "--json");
      return [code, stdout === "" ? "" : JSON.parse(stdout).state];
    };
    assertEquals(await status(), [1, ""]);
    const none = await runCommand("status", `${dir}/b/`);
    assertMatch(
      none.stderr,
      /^Cannot tell where the role of .*\/b stands: expected its state folder, .*, got none \(remedy: /,
    );
    {
      using state = await SiloState.open(`${dir}/b`, { silo: "b" });
      assertEquals(await status(), [0, "running"]);
      state.folder.set("x", 1); // the role goes on
    }
    assertEquals(await status(), [3, "ended"]);
    {
      using state = await SiloState.open(`${dir}/b`, { silo: "b" });
      state.result = { rounds: 1 } as SiloResult;
    }
    assertEquals(await status(), [0, "finished"]);
  }));

Deno.test("status reads the same piped and on a terminal of 80 and of 120 columns, without colour, and breaks no word", () =>
  inFolder(async (dir) => {
    const state = `${dir}/hub`;
    (await StateFolder.open(state, { role: "aggregator" }))[Symbol.dispose]();
    const time = new Date(Date.now() - 7_200_000).toISOString();
    const proposal = proposalOf(new Float32Array(1));
    const refused = {
      type: "refused",
      peer: "b",
      code: "other_data",
      expected: "one ".repeat(30).trim(),
      got: "another",
    };
    const events = [{ type: "proposal", proposal }, refused].map((event) =>
      JSON.stringify({ time, ...event }) + "\n"
    );
    await Deno.writeTextFile(`${state}/events.jsonl`, events.join(""));
    const args = ["status", "hub"], env = { NO_COLOR: "1" };
    const [piped, ...seen] = await Promise.all([
      run(args, { cwd: dir }),
      ...[80, 120].map((columns) => onTerminal(args, { cwd: dir, columns, env })),
    ]);
    assertEquals([piped, ...seen].map(({ code }) => code), [3, 3, 3]);
    const lines = piped.stdout.trimEnd().split("\n");
    assertStringIncludes(lines.join(" "), "ended 2 h ago, before the first round;");
    for (const { lines: shown, raw } of seen) {
      assertEquals(shown, lines);
      assertEquals(raw.includes("\x1b[3"), false);
    }
  }));
