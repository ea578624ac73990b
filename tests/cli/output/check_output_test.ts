import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { checkOutput, writeOutput } from "../../../src/cli/output/check_output.ts";
import { lineChart } from "../../../src/cli/output/chart.ts";
import { drawSvg, encodePng } from "../../../src/data/sharp.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { preprocessingOf, saveModel } from "../../../src/model/weights/model_file.ts";
import { PERMISSIONS } from "../../../tools/permissions.ts";
import { runCommand } from "../../testing/run_command.ts";
import { childFlags } from "../../testing/child.ts";
import { inFolder } from "../../testing/folder.ts";

const names = async (dir: string) => (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);

Deno.test("checkOutput: a missing folder, a folder, a file as folder are refused with path and remedy", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "x");
    const refused = (path: string, text: string) =>
      assertRejects(() => checkOutput(path, { flag: "--out", kind: "model", force: true }), Error, text);
    await refused(
      `${dir}/no/m`,
      `expected the folder ${dir}/no, got none; choose another --out, or make it (mkdir -p).`,
    );
    await refused(dir, "expected a file, got a folder");
    await refused(`${dir}/m/`, "expected a file, got a folder");
    await refused(`${dir}/file/m`, "got a file");
    await refused("/proc/self/m.safetensors", "a place that this user may write to");
    assertEquals(await names(dir), ["file"]);
  }));

Deno.test("checkOutput: files of the same kind and empty ones are replaced, others only with --force", () =>
  inFolder(async (dir) => {
    const layout = layoutOf("efficientnet_b0", { channels: 1 });
    const metadata = {
      network: layout.network,
      channels: layout.channels,
      size: 32,
      preprocessing: preprocessingOf(1),
    };
    await saveModel(`${dir}/model`, new Float32Array(layout.length), layout, metadata);
    await Deno.writeTextFile(`${dir}/scores`, "Image Index,logit,probability,split\na.png,1,.7,test\n");
    const chart = lineChart([], { title: "", x: "", y: "" });
    await Deno.writeTextFile(`${dir}/svg`, chart);
    await Deno.writeFile(`${dir}/png`, await drawSvg(chart));
    await Deno.writeFile(`${dir}/film`, await encodePng(new Uint8Array(64), 8));
    await Deno.writeTextFile(`${dir}/labels`, "Image Index,Finding Labels,Patient ID\n");
    await Deno.writeTextFile(`${dir}/empty`, "");
    for (const kind of ["model", "scores", "svg", "png"] as const) {
      for (const name of ["model", "scores", "svg", "png", "film", "labels", "empty", "none"]) {
        const check = (force: boolean) => checkOutput(`${dir}/${name}`, { flag: "--out", kind, force });
        const fine = name === kind || name === "empty" || name === "none";
        if (fine) await check(false);
        else {await assertRejects(
            () => check(false),
            Error,
            "got another file; choose another --out, or replace it with --force.",
          );}
        await check(true);
      }
    }
    assertEquals((await names(dir)).length, 7);
  }));

Deno.test("checkOutput: a file that is there is written in place, whatever its folder allows; a model is not", () =>
  inFolder(async (dir) => {
    // As `--out /dev/stdout > scores.csv`: the file can be written, its folder cannot.
    using _file = await Deno.open(`${dir}/scores.csv`, { create: true, write: true });
    const links = (await Array.fromAsync(Deno.readDir("/proc/self/fd"))).map(({ name }) =>
      `/proc/self/fd/${name}`
    );
    const path = links.find((link) => {
      try {
        return Deno.readLinkSync(link) === `${dir}/scores.csv`;
      } catch {
        return false;
      }
    })!;
    await checkOutput(path, { flag: "--out", kind: "scores", force: false });
    const model = () => checkOutput(path, { flag: "--out", kind: "model", force: false });
    await assertRejects(model, Error, "a place that this user may write to");
  }));

Deno.test("local, predict and evaluate check their output before anything else", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/labels.csv`, "Image Index,Finding Labels,Patient ID\n");
    const out = `${dir}/none/x`;
    const refused = async (text: string, ...args: string[]) =>
      assertStringIncludes((await runCommand(...args)).stderr, text);
    await refused("another --out", "local", "--shard", "nothing", "--epochs", "1", "--out", out);
    await refused(
      "another --plot",
      "evaluate",
      "--model",
      "nothing",
      "--shard",
      "nothing",
      "--plot",
      `${out}.svg`,
    );
    await refused("--force", "predict", "--model", "nothing", "--images", dir, "--out", `${dir}/labels.csv`);
  }));

Deno.test("checkOutput: a link that leads nowhere, and in the one file a device, are refused before any work", () =>
  inFolder(async (dir) => {
    await Deno.symlink(`${dir}/none`, `${dir}/link`);
    const check = checkOutput(`${dir}/link`, { flag: "--out", kind: "scores", force: true });
    await assertRejects(
      () => check,
      Error,
      "got a link that leads nowhere; choose another --out, or remove it.",
    );
    const { stderr } = await program(["predict", "--model", "m", "--images", dir, "--out", "/dev/stdout"], {
      cwd: dir,
    });
    assertMatch(
      stderr,
      /^Cannot write \/dev\/stdout: .*, got a place in \/dev, .* that fedx does not open; name a file elsewhere with --out\.\n$/,
    );
  }));

Deno.test("writeOutput replaces a plain file as a whole and writes through a link", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "a longer text", { mode: 0o600 });
    await Deno.symlink(`${dir}/file`, `${dir}/link`);
    using old = await Deno.open(`${dir}/file`);
    await writeOutput(`${dir}/file`, "new");
    assertEquals(await new Response(old.readable).text(), "a longer text");
    assertEquals((await Deno.stat(`${dir}/file`)).mode! & 0o777, 0o600);
    await writeOutput(`${dir}/link`, "through");
    assertEquals([await Deno.readTextFile(`${dir}/file`), (await Deno.lstat(`${dir}/link`)).isSymlink], [
      "through",
      true,
    ]);
    await writeOutput(`${dir}/fresh`, "x");
    assertEquals((await names(dir)).sort(), ["file", "fresh", "link"]);
  }));

Deno.test("init: a file-size limit is named with its remedy and leaves the settings file whole", () =>
  inFolder(async (cwd) => {
    await program(["init"], { cwd });
    const before = await Deno.readTextFile(`${cwd}/fedx.toml`);
    const { code, stderr } = await program(["init", "--silo", "a"], { cwd, blocks: 1 });
    assertEquals([code, await Deno.readTextFile(`${cwd}/fedx.toml`)], [1, before]);
    assertMatch(
      stderr,
      /^Cannot use [^\n]*fedx\.toml: a limit on the size of one file [^\n]*; raise it, or name another place\.\n$/,
    );
    assertEquals(await names(cwd), ["fedx.toml"]);
  }));

/** Runs the program with files only, as in the one file; `blocks` of 512 or 1024 bytes are the most that a file may have. */
async function program(
  args: string[],
  { cwd, blocks }: { cwd: string; blocks?: number },
): Promise<{ code: number; stderr: string }> {
  const main = new URL("../../../mod.ts", import.meta.url).href;
  const flags = ["--quiet", "--no-prompt", ...PERMISSIONS.init, ...await childFlags()];
  // SIGXFSZ, which would end the process, stays ignored across exec.
  const limit = blocks === undefined ? "" : `trap '' XFSZ; ulimit -f ${blocks}; `;
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", `${limit}exec "$@"`, "sh", Deno.execPath(), "run", ...flags, main, ...args],
    cwd,
    env: { DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}
