/** The one file as a hospital gets it: alone in an empty folder, its own cache, nothing else of the clone. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { packFile } from "../../tools/compile.ts";
import { buildShim } from "../../tools/native.ts";
import { resolveStd } from "../../tools/std.ts";
import { freePort } from "../testing/free_port.ts";
import { fileFolder, inFolder } from "../testing/folder.ts";
import { libtorchDir } from "../testing/libraries.ts";
import { drawFilms } from "../testing/hospitals.ts";

const dir = await fileFolder();
let packed: Promise<unknown> | undefined;

/** The file in an empty folder, and the environment of a user with an empty home. */
async function install(
  folder: string,
): Promise<{ fedx: string; libtorch: string; env: Record<string, string> }> {
  const libtorch = await libtorchDir();
  packed ??= resolveStd().then(async ({ flags }) =>
    packFile({ out: `${dir}/fedx`, flags, shims: [await buildShim({ libtorch, flavour: "cpu" })] })
  );
  await packed;
  const fedx = `${folder}/fedx`;
  await Deno.copyFile(`${dir}/fedx`, fedx);
  return { fedx, libtorch, env: { HOME: `${folder}/home`, PATH: "/usr/bin:/bin", OMP_NUM_THREADS: "1" } };
}

interface Place {
  fedx: string;
  cwd: string;
}

/** Starts it with these variables and no others. */
function spawn({ fedx, cwd }: Place, args: string[], env: Record<string, string>): Deno.ChildProcess {
  const [stdin, stdout, stderr] = ["null", "piped", "piped"] as const;
  return new Deno.Command(fedx, { args, cwd, env, clearEnv: true, stdin, stdout, stderr }).spawn();
}

async function finish(child: Deno.ChildProcess): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await child.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** The JSON object of a command that must succeed. */
async function json(child: Deno.ChildProcess): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await finish(child);
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

/** The file of a command that drew a PNG, or its refusal where this machine has no font for the text in it. */
async function assertPicture(
  path: string,
  { code, stderr }: { code: number; stderr: string },
): Promise<void> {
  if (code !== 0) return assertMatch(stderr, /expected a font on this machine, got none/);
  assertEquals(new TextDecoder().decode((await Deno.readFile(path)).subarray(1, 4)), "PNG");
}

/** Waits until a process has made a file. */
async function appears(path: string, child: Deno.ChildProcess): Promise<void> {
  let ended = false;
  child.status.then(() => ended = true);
  while (!ended && !await Deno.stat(path).then(() => true, () => false)) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

Deno.test("one file: two first starts at once name the parts, and --version starts no python3", () =>
  inFolder(async (folder) => {
    const { fedx, env } = await install(folder);
    await Deno.mkdir(`${folder}/bin`);
    const python = `#!/bin/sh\necho >${folder}/asked\n`;
    await Deno.writeTextFile(`${folder}/bin/python3`, python, { mode: 0o755 });
    const watched = { ...env, PATH: `${folder}/bin:/usr/bin:/bin` };
    const start = () => json(spawn({ fedx, cwd: folder }, ["--version", "--json"], watched));
    for (const parts of await Promise.all([start(), start()])) {
      assertMatch(String(parts.build), /^[0-9a-f]{16}$/);
      assertEquals((parts.shims as { file: string }[]).map(({ file }) => file), ["libfedx-cpu.so"]);
      assertEquals([parts.deno, parts.libtorch], [Deno.version.deno, null]);
    }
    assertEquals(await Deno.stat(`${folder}/asked`).then(() => true, () => false), false);
  }));

Deno.test("one file: a run from films to scores, its aggregator without libtorch, sharp, HOME or python3", () =>
  inFolder(async (folder) => {
    const { fedx, libtorch, env } = await install(folder);
    const place = { fedx, cwd: folder };
    const torch = { ...env, FEDX_LIBTORCH: libtorch };
    const bare = { TMPDIR: folder, PATH: `${folder}/none` };
    await drawFilms(folder, { train: 80 });
    const films = ["--images", "films-a/images", "--labels", "films-a/labels.csv"];
    await json(spawn(place, ["prepare", ...films, "--size", "32", "--out", "shard-a", "--json"], env));
    const ca = (...args: string[]) => json(spawn(place, ["ca", ...args, "--json"], env));
    await ca("init", "--out", "ca");
    await ca("issue", "hub", "--role", "aggregator", "--host", "127.0.0.1", "--ca", "ca", "--out", "tls-hub");
    await ca("issue", "a", "--role", "silo", "--ca", "ca", "--out", "tls-a");
    const hub = `127.0.0.1:${freePort()}`;
    const run = ["--silos", "a", "--listen", hub, "--tls", "tls-hub", "--size", "32", "--rounds", "1"];
    const aggregate = [...run, "--init", "random", "--json"];
    const first = spawn(place, ["aggregate", ...aggregate], bare);
    await appears(`${folder}/fedx-state/aggregator/events.jsonl`, first);
    const permissions = await Deno.readTextFile(`/proc/${first.pid}/cmdline`);
    assert(permissions.startsWith("fedx-runtime\0run\0") && !permissions.includes("--allow-ffi"));
    first.kill("SIGTERM");
    assertEquals((await finish(first)).code, 143, "SIGTERM reaches the runtime, which stops in order");
    const aggregator = json(spawn(place, ["aggregate", ...aggregate], bare));
    const silo = `--silo a --server https://${hub} --tls tls-a --shard shard-a --json`.split(" ");
    const trained = await json(spawn(place, ["train", ...silo], torch));
    assertEquals((await aggregator).sha256, trained.sha256);
    const predict = ["--model", String(trained.model), "--images", "films-a/images", "--out", "scores.csv"];
    const scored = await json(spawn(place, ["predict", ...predict, "--json"], torch));
    assertEquals([scored.images, scored.failed], [120, 0]);
    const evaluate = ["--model", String(trained.model), "--shard", "shard-a", "--plot", "roc.png"];
    await assertPicture(`${folder}/roc.png`, await finish(spawn(place, ["evaluate", ...evaluate], torch)));
    const version = await json(spawn(place, ["--version", "--json"], env));
    assertEquals((version.libtorch as { folder: string }).folder, libtorch);
    const refused = await finish(spawn(place, ["predict", ...predict, "--force"], { ...bare, HOME: folder }));
    assertEquals([refused.code, refused.stdout], [1, ""]);
    assertMatch(refused.stderr, /^Cannot find libtorch: [^\n]*pip install torch==[^\n]*\n$/);
  }));
