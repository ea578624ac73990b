/** The demo with its real processes and engine: README's first command, and what its weights do not depend on. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { cores } from "../../src/model/libraries.ts";
import { assertShown } from "../testing/pages.ts";
import { program, run } from "../testing/program.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("demo: README's first command with few passes ends with the table and the report", () =>
  inFolder(async (cwd) => {
    const { code, stdout, stderr } = await run(["demo", "--passes", "2"], { cwd });
    assert(code === 0, stderr);
    assertMatch(
      stderr,
      /About \d+ (seconds|minutes) more on this machine: 2 passes over 480 films in each of/,
    );
    assertShown(stdout, "hospital test with a federated 95 % interval alone\nfilms finding AUROC AUROC");
    assertShown(stdout, "Report: fedx-demo/report.html");
    assert((await Deno.readTextFile(`${cwd}/fedx-demo/report.html`)).includes("<svg "));
  }));

const TINY = [
  "demo",
  "--passes",
  "2",
  "--films",
  "96",
  "--size",
  "32",
  "--init",
  "random",
  "--device",
  "cpu",
];

/** Everything that a demo tells but where it is and how long it took, the rounds' seconds among it. */
async function foundOut(cwd: string, out: string, before: string[] = []): Promise<Record<string, unknown>> {
  const own = await program();
  const [command, ...args] = [...before, own.command, ...own.args, ...TINY, "--out", out, "--json"];
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd, stdin: "null" }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const { seconds: _seconds, report: _report, ...found } = JSON.parse(new TextDecoder().decode(stdout));
  return found;
}

/** Programs that only compute, two for each core. */
function busyLoops(): Disposable {
  const loops = Array.from(
    { length: 2 * cores() },
    () => new Deno.Command("sh", { args: ["-c", "while :; do :; done"] }).spawn(),
  );
  return { [Symbol.dispose]: () => loops.forEach((loop) => loop.kill("SIGKILL")) };
}

/** The first core that this process may run on, and null without taskset. */
async function firstCore(): Promise<string | null> {
  const there = await new Deno.Command("taskset", { args: ["--version"] }).output().catch(() => null);
  if (there === null) return null;
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(await Deno.readTextFile("/proc/self/status"))![1];
}

Deno.test("demo: the same passes, seed and threads give the same weights twice, beside two busy loops a core, and on one core", () =>
  inFolder(async (cwd) => {
    const plain = await foundOut(cwd, "plain");
    const local = plain.local as Record<string, { sha256: string; last_sha256: string }>;
    const all = [plain, ...Object.values(local)] as { sha256: string; last_sha256: string }[];
    for (const { sha256, last_sha256 } of all) assertMatch(`${sha256} ${last_sha256}`, /^\w{64} \w{64}$/);
    assertEquals(new Set(all.map(({ last_sha256 }) => last_sha256)).size, 4);
    {
      using _loops = busyLoops();
      assertEquals(await foundOut(cwd, "busy"), plain);
    }
    const core = await firstCore();
    if (core === null) console.log("  not tried on one core: there is no taskset here");
    else assertEquals(await foundOut(cwd, "core", ["taskset", "-c", core]), plain);
  }));
