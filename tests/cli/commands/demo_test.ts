import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { childFlags } from "../../testing/child.ts";
import { inFolder } from "../../testing/folder.ts";
import { onTerminal } from "../../testing/terminal.ts";

const STAGE = fileURLToPath(new URL("../../testing/staged_demo.ts", import.meta.url));
const command = async () => [Deno.execPath(), "run", "--quiet", "--allow-all", ...await childFlags(), STAGE];

/** The staged demo with its output piped: what it printed, and what it started. */
async function piped(cwd: string, ...args: string[]) {
  const [program, ...flags] = await command();
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...flags, ...args], cwd })
    .output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const started = await Deno.readTextFile(`${cwd}/started`).catch(() => "");
  return {
    ...{ code, stdout: text(stdout), lines: text(stderr).trimEnd().split("\n") },
    started: started.split("\n").filter((line) => line !== "").toSorted(),
  };
}

const DRAWN = [
  "The films of this demo are drawn, not taken.",
  ...["a", "b", "c"].map((silo) => `hospital ${silo}: films 864/864`),
];
const NO_TIME =
  "Cannot run the demo in its --minutes: expected time for at least one pass, about 4 minutes in all, " +
  "got 1 minute (remedy: give --minutes 4 or none, or fewer --films)";

for (const columns of [80, 120]) {
  Deno.test(`a demo on ${columns} columns says first how long it takes, leaves no bar behind and breaks no table`, () =>
    inFolder(async (cwd) => {
      const options = { cwd, columns, env: { NO_COLOR: "1" }, command: await command() };
      const { code, whole, raw } = await onTerminal(["fast", "--passes", "12"], options);
      const text = whole.join("\n");
      assertEquals([code, /[█░]|measuring/.test(text)], [0, false], text);
      assertEquals(raw.split("\x1b").some((part) => /^\[[\d;]*m/.test(part)), false); // no colours
      assertMatch(raw, /hospital c: films █[^]*measuring how fast this machine trains/);
      const words = whole.join(" ");
      assertStringIncludes(
        words,
        "The films of this demo are drawn, not taken. About 2 minutes more on this machine: 12 passes over 480 " +
          "films in each of three hospitals, then each alone. Federation: one aggregator and three silos, 12 rounds. ",
      );
      assertStringIncludes(words, " Each hospital alone, 12 passes. ");
      assertStringIncludes(words, " passes over the training films: 12, in the federation and alone ");
      assertStringIncludes(words, " rounds: 2, 5.3 s on average ");
      assertMatch(text, /^DEGRADED: .* without b in round 2$/m);
      const [table] = /^ hospital[^]*^ site only.*$/m.exec(text)!;
      assert(table.split("\n").every((line) => line.length <= 80), table);
    }));
}

Deno.test("a demo that is too long for --minutes makes the passes that there is time for, and says what that costs", () =>
  inFolder(async (cwd) => {
    const { code, lines, started } = await piped(cwd, "slow", "--passes", "12", "--minutes", "10");
    assertEquals(code, 0, lines.join("\n"));
    assertEquals(lines.slice(4, 7), [
      "In 10 minutes there is time for 2 of 12 passes on this machine: fewer passes mostly mean a lower AUROC, and a " +
      "faster or slower machine would make another number of them.",
      "About 7 minutes more on this machine: 2 passes over 480 films in each of three hospitals, then each alone.",
      "Federation: one aggregator and three silos, 2 rounds.",
    ]);
    assertStringIncludes(started[0], " --rounds 2 ");
    for (const local of started.slice(1, 4)) assertStringIncludes(local, " --epochs 2 ");
  }));

Deno.test("a demo whose --minutes have no room for one pass starts nothing and names the minutes that have", () =>
  inFolder(async (cwd) => {
    const { code, stdout, lines, started } = await piped(cwd, "slow", "--minutes", "1");
    assertEquals([code, stdout, started], [1, "", []]);
    assertEquals(lines, [...DRAWN, NO_TIME]);
  }));

Deno.test("what a demo trains follows from its options alone: its passes, rounds, seed, start, threads and device", () =>
  inFolder(async (cwd) => {
    const options = [
      "--passes",
      "3",
      "--size",
      "32",
      "--init",
      "random",
      "--device",
      "cuda",
      "--threads",
      "2",
    ];
    const { code, lines, started } = await piped(cwd, "slow", ...options, "--deterministic");
    assertEquals(code, 0, lines.join("\n"));
    const [hub, ...rest] = started;
    const training = " --seed 0 --init random";
    assertStringIncludes(hub, ` --size 32 --rounds 3${training}`);
    assertEquals(rest.map((line) => line.split(" ")[0]), [
      ...["local", "local", "local"],
      ...["train", "train", "train"],
    ]);
    for (const line of rest) {
      assertStringIncludes(`${line} `, " --device cuda --threads 2 --deterministic ");
      assertEquals(line.includes(`${training} `), line.startsWith("local"), line);
      assertEquals(line.includes(" --epochs 3 "), line.startsWith("local"), line);
      assertEquals(line.includes("--budget"), false, line);
    }
  }));

Deno.test("a demo under --json names the weights of the federated model and of each hospital's own", () =>
  inFolder(async (cwd) => {
    const { code, stdout, lines } = await piped(cwd, "fast", "--passes", "1", "--json");
    assertEquals(code, 0, lines.join("\n"));
    const { sha256, last_sha256, passes, local } = JSON.parse(stdout);
    assertEquals([sha256, last_sha256, passes], ["federated", "last federated", 1]);
    assertEquals(Object.keys(local), ["a", "b", "c"]);
    for (const silo of ["a", "b", "c"]) {
      assertEquals(local[silo].sha256, `of shard-${silo}`);
      assertEquals(local[silo].last_sha256, `last of shard-${silo}`);
      assertEquals(local[silo].auroc, 0.991);
    }
  }));
