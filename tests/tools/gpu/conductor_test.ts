import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type ConductOptions, timeOf } from "../../../tools/gpu/conductor.ts";
import type { Stage } from "../../../tools/gpu/stages.ts";
import { lastLine } from "../../../tools/gpu/main.ts";
import { type Results, shortfall } from "../../../tools/gpu/results.ts";
import { conductScripts, statuses, writes } from "../../testing/gpu_stages.ts";
import { inFolder } from "../../testing/folder.ts";

/** Ignores every signal that can be ignored. */
const DEAF = "trap '' TERM ABRT INT HUP; while :; do sleep 0.1; done";
/** It, a process that it starts, and one that leaves its group are deaf; the ids of the two are figures. */
const HANGS = `sh -c "${DEAF}" &
${writes("child", { value: "$!" })}setsid sh -c 'echo $$ >away; '"${DEAF}" &
while [ ! -s away ]; do sleep 0.01; done
${writes("child away", { value: "$(cat away)" })}echo waiting for nothing
${DEAF}
`;

/** Whether a process is there and no zombie. */
async function lives(pid: number): Promise<boolean> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  return stat !== "" && !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
}

/** A killed process is gone a moment later. */
async function gone(pid: number): Promise<void> {
  while (await lives(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

const read = (folder: string, file: string) => Deno.readTextFileSync(`${folder}/out/${file}`);

Deno.test("a stage that fails, one that hangs and one that is missing leave the results of the others", () =>
  inFolder(async (folder) => {
    const scripts = {
      machine: writes("a"),
      right: `${writes("b")}echo 'no such kernel' >&2\nexit 3\n`,
      fast: HANGS,
      real: null,
      memory: writes("c"),
    };
    const results = await conductScripts(folder, scripts, { limits: { fast: 3 } });
    const got = ["machine: done", "right: failed", "fast: timed out", "real: failed", "memory: done"];
    assertEquals(statuses(results), got);
    const [, right, fast, real] = results.stages;
    assertEquals(right.reason, "exit status 3; its log ends with: no such kernel");
    assertEquals(fast.reason, "killed after its 3 s; its log ends with: waiting for nothing");
    assertEquals(real.reason, "expected gpu/real.sh in the archive, got none");
    assertEquals(results.stages.map(({ figures }) => figures.length), [1, 1, 2, 0, 1]);
    assertEquals(fast.figures.length, 2);
    for (const { value } of fast.figures) await gone(Number(value));
    assertEquals(lastLine(results, "o"), "failed: right, real; timed out: fast (o/gpu.txt says why)");
    assertEquals(JSON.parse(read(folder, "gpu.json")).stages, JSON.parse(JSON.stringify(results.stages)));
    assertStringIncludes(read(folder, "gpu.txt"), "no such kernel");
    const files = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    assertEquals(files, ["fast.log", "gpu.json", "gpu.txt", "machine.log", "memory.log", "right.log"]);
  }));

Deno.test("gpu.json is whole before each stage and has all that came before it", () =>
  inFolder(async (folder) => {
    const seen: string[][] = [];
    const scripts = { machine: writes("a"), right: "exit 1\n", fast: writes("b") };
    await conductScripts(folder, scripts, {
      onEvent: ({ type }) => {
        if (type === "begins") seen.push(statuses(JSON.parse(read(folder, "gpu.json")) as Results));
      },
    });
    assertEquals(seen, [
      ["machine: skipped", "right: skipped", "fast: skipped"],
      ["machine: done", "right: skipped", "fast: skipped"],
      ["machine: done", "right: failed", "fast: skipped"],
    ]);
  }));

Deno.test("each stage has an empty folder of its own, and nothing it started outlives it", () =>
  inFolder(async (folder) => {
    const leaves = `ls -A | wc -l; touch left; pwd; mktemp; (while :; do sleep 0.1; done) &\n` +
      writes("child", { value: "$!" });
    const results = await conductScripts(folder, { machine: leaves, right: leaves });
    assertEquals(shortfall(results), null);
    const folders = ["machine", "right"].map((name) => {
      const [files, own, temporary] = read(folder, `${name}.log`).trim().split("\n");
      assertEquals([files.trim(), temporary.slice(0, own.length + 1)], ["0", `${own}/`]);
      return own;
    });
    assert(folders[0] !== folders[1]);
    for (const path of folders) assertEquals(await Deno.stat(path).catch(() => null), null);
    for (const { figures } of results.stages) await gone(Number(figures[0].value));
  }));

Deno.test("a figure that is not ok makes its stage a failed one, and so does none at all", () =>
  inFolder(async (folder) => {
    const broken = writes("b", { bound: "≤ 1e-3", ok: false });
    const results = await conductScripts(folder, { machine: writes("a") + broken + broken, right: "true\n" });
    assertEquals(statuses(results), ["machine: failed", "right: failed"]);
    assertEquals(results.stages.map(({ reason }) => reason), [
      "not as promised: g: b and 1 more",
      "it ended without a figure",
    ]);
  }));

Deno.test("what --only leaves out is no failure, and without an engine only the first stage runs", () =>
  inFolder(async (folder) => {
    const scripts = { machine: writes("a"), right: writes("b"), fast: writes("c") };
    const some = await conductScripts(folder, scripts, { only: ["machine", "fast"] });
    assertEquals([statuses(some), shortfall(some)], [
      ["machine: done", "right: skipped", "fast: done"],
      null,
    ]);
    const none = await conductScripts(folder, scripts, { changes: { shim: "" } });
    assertEquals(shortfall(none), "not run: right, fast");
    assertEquals(none.stages[1].reason, "the engine was not built");
  }));

Deno.test("a stage may use what those before it and those that do not run leave of the time, and never the others'", () => {
  const limits = [70, 55, 85, 60, 30].map((gpu, i) => ({ name: "abcde"[i], limit: { gpu, rehearsal: gpu } }));
  const stages = limits as Stage[], device = "cuda";
  const times = (names: string, passed: number) =>
    stages.filter(({ name }) => names.includes(name)).map((stage) => {
      const chosen = stages.filter(({ name }) => names.includes(name));
      const options = { chosen, device, seconds: 300.5 } as unknown as ConductOptions;
      const { limit, plan } = timeOf(stage, options, performance.now() - passed * 1000);
      return [limit, Math.floor(plan)];
    });
  assertEquals(times("abcde", 0)[0], [70, 70]);
  assertEquals(times("abcde", 40)[1], [85, 55], "what a left over is b's, but not to plan with");
  assertEquals(times("abcde", 70 + 55)[2], [85, 85]);
  assertEquals(times("abcde", 290)[4], [30, 30], "a stage has its own limit whatever came before");
  assertEquals(times("ac", 20)[1], [280, 230]);
  assertEquals(times("acd", 20)[1], [220, 170]);
});

Deno.test("a stage is told how long it may take", () =>
  inFolder(async (folder) => {
    const scripts = { machine: `${writes("a", { value: "$FEDX_GPU_SECONDS" })}` };
    const [{ figures, limit }] = (await conductScripts(folder, scripts, { limits: { machine: 20 } })).stages;
    assertEquals([figures[0].value, limit], ["20", 20]);
  }));

Deno.test("asked to stop, it ends the running stage with all that it started, and the results stay", () =>
  inFolder(async (folder) => {
    const stop = new AbortController();
    const scripts = { machine: writes("a"), right: HANGS, fast: writes("b") };
    const results = await conductScripts(folder, scripts, {
      stop: stop.signal,
      onEvent: (event) => {
        const running = event.type === "runs" && event.stage.name === "right";
        if (running && Deno.statSync(`${folder}/out/right.log`).size > 0) stop.abort();
      },
    });
    assertEquals(statuses(results), ["machine: done", "right: failed", "fast: skipped"]);
    assertEquals(results.stages[2].reason, "stopped before it");
    for (const { value } of results.stages[1].figures) await gone(Number(value));
    assertMatch(read(folder, "gpu.txt"), /right: failed .*stopped by a signal/);
  }));
