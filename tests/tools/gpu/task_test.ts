import { assertEquals, assertRejects } from "@std/assert";
import { gpu, type GpuOptions } from "../../../tools/gpu/task.ts";
import { Progress } from "../../../tools/progress.ts";

const ARCHIVE = "/x/fedx-gpu-0.1.0-linux-x64.tar.xz";

/** Keeps what it is told, with the seconds that packing took left out. */
class Kept extends Progress {
  readonly lines: string[] = [];
  override line(text: string): void {
    this.lines.push(text.replace(/in \d+ s$/, "in … s"));
  }
}

/** Runs the task with an archive of so many MiB, which nobody makes; commands are kept, and end with `code`. */
async function runTask(words: string[], { size = 43, codes = [0, 0] } = {}) {
  const progress = new Kept(true), commands: string[][] = [], environments: Deno.CommandOptions[] = [];
  const options: GpuOptions = {
    ...{ flags: [], progress },
    make: ({ shims }) => {
      assertEquals(shims, []);
      return Promise.resolve({ path: ARCHIVE, bytes: size * 2 ** 20 });
    },
    run: (command, options) => {
      commands.push(command);
      environments.push(options);
      return Promise.resolve(codes[commands.length - 1]);
    },
  };
  const code = await gpu(words, options);
  return { code, commands, environments, lines: progress.lines };
}

Deno.test("task gpu --pack prints the archive's size and the two commands for the other machine, and runs nothing", async () => {
  const { code, commands, lines } = await runTask(["--pack"]);
  assertEquals([code, commands], [0, []]);
  assertEquals(lines, [
    `${ARCHIVE}: 43.0 MiB, packed in … s`,
    "on the other machine: tar xJf fedx-gpu-0.1.0-linux-x64.tar.xz",
    "on the other machine: sh fedx-gpu-0.1.0-linux-x64/gpu.sh",
  ]);
});

Deno.test("an archive of more than 64 MiB is refused", async () => {
  assertEquals((await runTask(["--pack"], { size: 64 })).code, 0);
  const text = "expected at most 64 MiB, got 64.5 MiB";
  await assertRejects(() => runTask(["--pack"], { size: 64.5 }), Error, text);
});

Deno.test("task gpu unpacks the archive into an empty folder, runs gpu.sh there and ends as it does", async () => {
  const { code, commands } = await runTask(["--only", "right,fast", "--out=/y"], { codes: [0, 1] });
  const [[tar, , archive, folder], [sh, script, ...words]] = commands;
  assertEquals([code, tar, archive, sh], [1, "tar", ARCHIVE, "sh"]);
  assertEquals(script, `${folder.split("=")[1]}/fedx-gpu-0.1.0-linux-x64/gpu.sh`);
  assertEquals(words, ["--only=right,fast", "--out=/y"]);
});

Deno.test("a rehearsal has an empty home folder, and of the caller's variables those that name a PyTorch", async () => {
  const before = Deno.env.get("FEDX_LIBTORCH");
  Deno.env.set("FEDX_LIBTORCH", "/torch");
  try {
    const { commands, environments, lines } = await runTask(["--rehearse"]);
    assertEquals(commands[1].slice(-3).map((word) => word.split("/").at(-1)), ["sh", "gpu.sh", "--rehearse"]);
    const { env = {}, clearEnv } = environments[1];
    assertEquals([clearEnv, env.FEDX_LIBTORCH], [true, "/torch"]);
    const known = /^(PATH|HOME|TMPDIR|LD_LIBRARY_PATH|FEDX_LIBTORCH|FEDX_PYTHON|\w+_(proxy|PROXY))$/;
    assertEquals(Object.keys(env).filter((name) => !known.test(name)), []);
    assertEquals(env.LD_LIBRARY_PATH, Deno.env.get("LD_LIBRARY_PATH") || "/usr/local/nvidia/lib64");
    assertEquals(env.HOME, `${commands[0].at(-1)!.split("=")[1]}/home`);
    const taken = commands[1][0] === "unshare" ? "without network" : "the network cannot be taken away";
    assertEquals(lines.some((line) => line.startsWith("rehearsal: ") && line.includes(taken)), true);
  } finally {
    if (before === undefined) Deno.env.delete("FEDX_LIBTORCH");
    else Deno.env.set("FEDX_LIBTORCH", before);
  }
});

Deno.test("task gpu with a stage that there is not packs nothing: exit status 2", async () => {
  const { code, lines } = await runTask(["--only", "slow"]);
  assertEquals([code, lines.length], [2, 1]);
});
