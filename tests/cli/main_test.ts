import { assert, assertEquals, assertMatch } from "@std/assert";
import { open } from "node:fs/promises";
import { explain } from "../../src/cli/main.ts";
import { longHelp, overview, shortHelp } from "../../src/cli/options/help.ts";
import { runCommand, runMain } from "../testing/run_command.ts";

const failed = (act: () => unknown): Promise<unknown> =>
  Promise.resolve().then(act).then(() => assert(false, "expected an error"), (error) => error);

Deno.test("explain: bare errors of the file system become one sentence with path and remedy", async () => {
  const cases: [() => unknown, RegExp][] = [
    [() => Deno.readTextFile("/no/x"), /^Cannot use \/no\/x: there is no such .*; check the path/],
    [() => open("/no/x", "r"), /^Cannot use \/no\/x: there is no such/],
    [
      () => Deno.mkdir("/etc/passwd/x"),
      /^Cannot use \/etc\/passwd\/x: a file where a folder should be; move/,
    ],
    [() => Deno.readFile("/tmp"), /^Cannot use \/tmp: a folder where a file should be; name a file/],
    [() => Deno.mkdir("/tmp"), /^Cannot use \/tmp: something there already; remove it/],
    [() => Deno.rename("/no/x", "/no/y"), /^Cannot use \/no\/x: there is no such/],
    [() => Deno.writeTextFile("/dev/full", "x"), /^Cannot use \/dev\/full: a full disk; free some/],
    [
      () => Promise.reject(new Error("File too large (os error 27)")),
      /^Cannot use a file: a limit on the size of one file \(ulimit -f/,
    ],
  ];
  for (const [act, text] of cases) assertMatch(explain(await failed(act)), text);
});

Deno.test("explain: the runtime's hint at its own options reaches nobody", () => {
  const hint = (what: string) =>
    new Deno.errors.NotCapable(`Requires ${what}, run again with the --allow-all flag`);
  assertEquals(
    explain(hint('all access to "/proc/self/mem"')),
    "Cannot use /proc/self/mem: a place in /dev, /proc or /sys that fedx does not open; name a file elsewhere.",
  );
  assertEquals(
    explain(hint('net access to "example.org"')),
    "Cannot use example.org: what fedx gives itself no right to; report it as a fault of fedx.",
  );
});

Deno.test("explain: our own sentences stay as they are", () => {
  const own = new Deno.errors.AlreadyExists("Cannot make a CA: expected no ca.pem, got one; choose another");
  assertEquals(explain(own), own.message);
  assertEquals(explain(new RangeError("Cannot x: expected 1, got 2\n")), "Cannot x: expected 1, got 2");
});

Deno.test("main: an option before any command is named, exit 2", async () => {
  const { code, stderr } = await runCommand("--silo", "a", "train");
  assertEquals([code, stderr], [2, "Cannot run `--silo`: expected a command first; see `fedx --help`.\n"]);
});

Deno.test("main: help COMMAND is COMMAND --help, -h is the short one, and help alone lists the commands", async () => {
  const printed = async (...args: string[]) => {
    const { code, stdout } = await runCommand(...args);
    assertEquals(code, 0);
    return stdout;
  };
  assertEquals(await printed("help", "ca", "issue"), `${longHelp("ca issue")}\n`);
  assertEquals(await printed("ca", "issue", "--help"), `${longHelp("ca issue")}\n`);
  assertEquals(await printed("train", "-h"), `${shortHelp("train")}\n`);
  assertEquals(await printed("help"), `${overview().text}\n`);
  assertEquals(JSON.parse(await printed("help", "version", "--json")), { help: longHelp("version") });
});

Deno.test("main: `ca` alone and `ca --help` list its commands; who asked for no help gets exit code 2", async () => {
  const names = ["ca init", "ca issue", "ca request", "ca sign", "ca revoke"];
  for (
    const [args, expected] of [[["ca"], 2], [["ca", "--help"], 0], [["ca", "-h"], 0], [
      ["help", "ca"],
      0,
    ]] as const
  ) {
    const { code, stdout, stderr } = await runCommand(...args);
    assertEquals([code, stderr], [expected, ""]);
    const listed = stdout.split("\n").flatMap((line) => /^ {2}fedx (ca \w+) /.exec(line)?.[1] ?? []);
    assertEquals(listed, names);
    assertEquals(stdout.includes("train"), false);
  }
  assertEquals(JSON.parse((await runCommand("ca", "--json")).stdout), { commands: names });
  const unknown = await runCommand("ca", "sing");
  assertEquals(unknown.code, 2);
  const list = "ca init, ca issue, ca request, ca sign, ca revoke";
  assertEquals(
    unknown.stderr,
    `Cannot run \`ca sing\`: expected one of ${list}; the nearest is \`fedx ca sign\`.\n`,
  );
  const strange = await runCommand("ca", "nonsense");
  assertEquals(strange.stderr, `Cannot run \`ca nonsense\`: expected one of ${list}.\n`);
  const kit = await runCommand("kit", "nonsense");
  assertEquals(kit.stderr, "Cannot run `kit nonsense`: expected one of kit make.\n");
});

Deno.test("main: a signal that comes once the work is done and told does not change the exit code", async () => {
  const codes: number[] = [];
  const { code } = await runMain(["version", "--json"], {
    async leave(code) {
      Deno.kill(Deno.pid, "SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 100)); // unheard, it ends this process
      codes.push(code);
    },
  });
  assertEquals([code, codes], [0, [0]]);
});

Deno.test("main: -v and --version are the command version", async () => {
  const command = await runCommand("version", "--json");
  for (const word of ["-v", "--version"]) assertEquals(await runCommand(word, "--json"), command);
  assertEquals(command.code, 0);
});
