import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { type Scale, tables } from "../../tools/gpu/page.ts";
import { brokenBounds, type Results } from "../../tools/gpu/results.ts";
import { inFolder } from "../testing/folder.ts";
import { statuses } from "../testing/gpu_stages.ts";
import { libtorchDir } from "../testing/libraries.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const STAGES = ["machine", "right", "fast", "real", "memory"];
/** The sizes of bench/gpu/fast.py and memory.py on the CPU. */
const REHEARSED: Scale = { sizes: [32, 48], batches: [4, 8], precisions: ["bf16"] };

Deno.test("task gpu --rehearse: from the packed archive, with an empty home and no network, every stage reports", () =>
  inFolder(async (folder) => {
    const began = performance.now();
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-config", `${ROOT}tools/dn.ts`, "gpu", "--rehearse", `--out=${folder}/out`],
      env: {
        FEDX_LIBTORCH: Deno.env.get("FEDX_PYTHON") ? "" : await libtorchDir(),
        DENO_NO_UPDATE_CHECK: "1",
      },
      stdin: "null",
      stdout: "null",
    }).output();
    const said = new TextDecoder().decode(stderr);
    console.log(`task gpu --rehearse took ${((performance.now() - began) / 1000).toFixed(0)} s\n${said}`);
    const read = (name: string) => Deno.readTextFile(`${folder}/out/${name}`);
    const results: Results = JSON.parse(await read("gpu.json"));
    assertEquals(statuses(results), STAGES.map((name) => `${name}: done`), await read("gpu.txt"));
    assertEquals([code, said.trimEnd().split("\n").at(-1)], [
      0,
      `fedx: every stage reported: ${folder}/out/gpu.txt`,
    ]);
    const [, size] = /: ([\d.]+) MiB, packed in /.exec(said)!;
    assert(Number(size) <= 64, said);
    assertEquals(results.stages.map(({ figures }) => brokenBounds(figures)), STAGES.map(() => null));
    const files = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    assertEquals(files, ["gpu.json", "gpu.txt", ...STAGES.map((name) => `${name}.log`)].sort());
    const wide = (await read("gpu.txt")).split("\n").filter((line) => line.length > 100);
    assertEquals(wide, []);
    const unknown = tables(results, REHEARSED).split("\n").filter((line) => line.includes("not measured"));
    const driver = /^\| (NVIDIA driver|CUDA of the driver|GPU memory|cuDNN) /; // a rehearsal has none
    assertEquals(unknown.filter((line) => !driver.test(line)), [], "rows of docs/gpu.md that no stage fills");
  }));
