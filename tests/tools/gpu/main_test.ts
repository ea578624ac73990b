import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { main } from "../../../tools/gpu/main.ts";
import { Progress } from "../../../tools/progress.ts";
import { childFlags, linesOf } from "../../testing/child.ts";
import { fakeLibtorch } from "../../testing/fake_libtorch.ts";
import { inFolder } from "../../testing/folder.ts";
import { OnTerminal } from "../../testing/terminal.ts";
import { statuses } from "../../testing/gpu_stages.ts";

const CONDUCT = fileURLToPath(new URL("../../testing/conduct.ts", import.meta.url));
const FIGURE =
  'Deno.writeTextFileSync(Deno.env.get("FEDX_GPU_FIGURES"), \'{"group":"g","name":"n","value":1}\\n\');\n';

/** Keeps what it is told. */
class Kept extends Progress {
  readonly lines: string[] = [];
  override line(text: string): void {
    this.lines.push(text);
  }
}

/** The conductor over an archive that has no stage but `machine`; its results are in `folder`/out. */
async function conductor(folder: string, machine: string) {
  await Deno.mkdir(`${folder}/gpu`);
  await Deno.writeTextFile(`${folder}/gpu/machine.js`, machine);
  const libtorch = await fakeLibtorch(`${folder}/torch`, "2.13.0", { headers: true });
  const words = [folder, "--rehearse", "--only", "machine", "--out", "out"];
  const args = ["run", "--quiet", "--no-check", "--allow-all", ...await childFlags(), CONDUCT, ...words];
  return { args, options: { cwd: folder, env: { FEDX_LIBTORCH: libtorch, DENO_NO_UPDATE_CHECK: "1" } } };
}

/** Starts it with stderr to read. */
async function start(folder: string, machine: string): Promise<Deno.ChildProcess> {
  const { args, options } = await conductor(folder, machine);
  const streams = { stdin: "null", stdout: "null", stderr: "piped" } as const;
  return new Deno.Command(Deno.execPath(), { args, ...options, ...streams }).spawn();
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test(`${signal}: exit status ${code}, the running stage has ended, and its figures are in the results`, () =>
    inFolder(async (folder) => {
      const child = await start(folder, `${FIGURE}console.log("begun");\nsetInterval(() => {}, 1000);\n`);
      const lines: string[] = [];
      const reading = (async () => {
        for await (const line of linesOf(child.stderr)) lines.push(line);
      })();
      const begun = () => Deno.readTextFile(`${folder}/out/machine.log`).catch(() => "");
      while (!(await begun()).includes("begun")) await new Promise((resolve) => setTimeout(resolve, 20));
      child.kill(signal);
      assertEquals((await child.status).code, code);
      await reading;
      assertEquals(lines.at(-1), `fedx: failed: machine (${folder}/out/gpu.txt says why)`);
      const results = JSON.parse(await Deno.readTextFile(`${folder}/out/gpu.json`));
      assertEquals(results.stages[0].reason, "stopped by a signal");
      assertEquals(results.stages[0].figures.length, 1);
    }));
}

Deno.test("a stage that fails: exit status 1, and the last line names it; the others were not asked for", () =>
  inFolder(async (folder) => {
    const child = await start(folder, `${FIGURE}throw new Error("no compiler");\n`);
    const { code, stderr } = await child.output();
    assertEquals(code, 1);
    const lines = new TextDecoder().decode(stderr).trim().split("\n");
    assertMatch(lines.at(-2)!, /^fedx: machine: failed in .* s: exit status 1; its log ends with: /);
    assertEquals(lines.at(-1), `fedx: failed: machine (${folder}/out/gpu.txt says why)`);
    const results = JSON.parse(await Deno.readTextFile(`${folder}/out/gpu.json`));
    assertEquals(statuses(results).slice(0, 2), ["machine: failed", "right: skipped"]);
  }));

Deno.test("on a terminal a bar shows how much of its time a stage has had, until it has ended", () =>
  inFolder(async (folder) => {
    const waits =
      'while (!await Deno.stat("../go").catch(() => false)) await new Promise((r) => setTimeout(r, 20));\n';
    const { args, options } = await conductor(folder, FIGURE + waits.replace("../go", `${folder}/go`));
    const terminal = await OnTerminal.start(args, { ...options, command: [Deno.execPath()] });
    await terminal.when(/^fedx: machine \[-{20}\] \d+ s of at most 600 s$/);
    await Deno.writeTextFile(`${folder}/go`, "");
    const { code, lines } = await terminal.finished;
    assertEquals(code, 0);
    assertEquals(lines[0], "fedx: machine: what is there; the engine, built for it; at most 600 s");
    assertMatch(lines[1], /^fedx: machine: done in \d+\.\d s$/);
    assertEquals(lines.slice(2).join(""), `fedx: every stage reported: ${folder}/out/gpu.txt`);
  }));

Deno.test("a stage that there is not: one sentence, exit status 2, and nothing is written", () =>
  inFolder(async (folder) => {
    const progress = new Kept();
    for (const words of [["--only", "right,slow"], ["--only="], ["--quick"]]) {
      assertEquals(await main(words, folder, progress), 2);
    }
    assertEquals(progress.lines, [
      "Cannot run --only: expected some of machine,right,fast,real,memory, got slow",
      "Cannot run --only: expected some of machine,right,fast,real,memory, got an empty name",
      "Cannot run the GPU's stages: expected --only STAGE,…, --rehearse, --out FOLDER or --pack, got --quick",
    ]);
    assertEquals([...Deno.readDirSync(folder)], []);
  }));
