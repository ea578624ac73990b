import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { childFlags } from "../../testing/child.ts";
import { inFolder } from "../../testing/folder.ts";
import { onTerminal } from "../../testing/terminal.ts";

const STAGE = fileURLToPath(new URL("../../testing/staged_demo.ts", import.meta.url));
const command = async () => [Deno.execPath(), "run", "--quiet", "--allow-all", ...await childFlags(), STAGE];

const NO_ROUND =
  "Cannot compare the hospitals: expected at least one finished round in the federation's 25 s, " +
  "got none (remedy: give the demo longer, such as --minutes 2)";

Deno.test("a demo without a finished round compares nothing and says to take longer, on a terminal", () =>
  inFolder(async (cwd) => {
    const { code, whole, raw } = await onTerminal(["none"], { cwd, command: await command() });
    assertEquals(code, 1);
    assertEquals(whole.slice(0, 2), [
      "The films of this demo are drawn, not taken.",
      "Federation: one aggregator and three silos, 25 s.",
    ]);
    assertEquals(whole.slice(2).join(" "), NO_ROUND);
    assertMatch(raw, /hospital c: films █/);
    assertEquals(/[█░]/.test(raw.slice(raw.indexOf("Federation:"))), false); // no bar of films while it trains
    const started = await Deno.readTextFile(`${cwd}/started`);
    assertEquals(started.match(/^\w+/gm)!.sort(), ["aggregate", "train", "train", "train"]);
    assertEquals(await Deno.stat(`${cwd}/demo/report.html`).then(() => true, () => false), false);
  }));

for (const columns of [80, 120]) {
  Deno.test(`a demo on ${columns} columns leaves no bar behind, breaks no table and tells the passes that were done`, () =>
    inFolder(async (cwd) => {
      const options = { cwd, columns, env: { NO_COLOR: "1" }, command: await command() };
      const { code, whole, raw } = await onTerminal(["rounds"], options);
      const text = whole.join("\n");
      assertEquals([code, /[█░]/.test(text)], [0, false], text);
      assertEquals(raw.split("\x1b").some((part) => /^\[[\d;]*m/.test(part)), false); // no colours
      const passes = "a 2.4, b 1, c 2.4 in the federation, a 2, b 1, c 2 alone";
      const words = whole.join(" ");
      assertStringIncludes(words, ` Each hospital alone; passes over its films: ${passes}. `);
      assertStringIncludes(words, ` passes over the training films: ${passes} `);
      assertStringIncludes(words, " rounds: 2, 5.3 s on average ");
      assertMatch(text, /^DEGRADED: .* without b in round 2$/m);
      const [table] = /^ hospital[^]*^ site only.*$/m.exec(text)!;
      assert(table.split("\n").every((line) => line.length <= 80), table);
      const local = (await Deno.readTextFile(`${cwd}/started`)).match(/^local .*$/gm)!;
      const epochs = local.map((line) => /shard-(\w).*--epochs (\d+)/.exec(line)!.slice(1).join(" "));
      assertEquals(epochs.sort(), ["a 2", "b 1", "c 2"]);
    }));
}

Deno.test("a demo of so many rounds says so, and its processes start from --init and compute as --device and --deterministic say", () =>
  inFolder(async (cwd) => {
    const [program, ...args] = await command();
    const options = [
      "--rounds",
      "2",
      "--size",
      "32",
      "--init",
      "random",
      "--device",
      "cuda",
      "--deterministic",
    ];
    const { code, stderr } = await new Deno.Command(program, { args: [...args, "rounds", ...options], cwd })
      .output();
    const said = new TextDecoder().decode(stderr);
    assertEquals(code, 0, said);
    assertStringIncludes(said, "Federation: one aggregator and three silos, 2 rounds.");
    const started = (await Deno.readTextFile(`${cwd}/started`)).trim().split("\n").toSorted();
    const training = " --seed 0 --batch 16 --init random ";
    const [hub, ...rest] = started;
    assertStringIncludes(hub, ` --size 32 --rounds 2${training}`);
    assertEquals(hub.includes("--budget"), false, hub);
    assertEquals(rest.map((line) => line.split(" ")[0]), [
      "local",
      "local",
      "local",
      "train",
      "train",
      "train",
    ]);
    for (const line of rest) {
      assertStringIncludes(`${line} `, " --device cuda --threads 1 --deterministic ");
      assertEquals(line.includes(training), line.startsWith("local"), line);
    }
  }));

Deno.test("a demo whose output is piped prints lines and no control codes", () =>
  inFolder(async (cwd) => {
    const [program, ...args] = await command();
    const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args, "none"], cwd })
      .output();
    assertEquals([code, stdout.length], [1, 0]);
    const lines = new TextDecoder().decode(stderr).split("\n");
    assertEquals(lines, [
      "The films of this demo are drawn, not taken.",
      "hospital a: films 864/864",
      "hospital b: films 864/864",
      "hospital c: films 864/864",
      "Federation: one aggregator and three silos, 25 s.",
      NO_ROUND,
      "",
    ]);
  }));
