import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { type Scale, tables } from "../../tools/gpu/page.ts";
import { brokenBounds, type Results } from "../../tools/gpu/results.ts";
import { inFolder } from "../testing/folder.ts";
import { statuses } from "../testing/gpu_stages.ts";
import { libtorchDir } from "../testing/libraries.ts";
import { pythonWithTorchvision } from "../testing/python.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const STAGES = ["machine", "right", "fast", "real", "memory"];
/** The sizes of bench/gpu/fast.py and memory.py on the CPU. */
const REHEARSED: Scale = { sizes: [32, 48], batches: [4, 8], precisions: ["bf16"] };
const ONLY_ON_GPU = ["GPU memory", "NVIDIA driver", "CUDA of the driver", "cuDNN"];

/** Of each row that has one figure a column, or of all rows of a table that has points: where no figure is known by its name. */
function unfilled(text: string, { compared }: { compared: boolean }): string[] {
  return text.split("### ").slice(1).flatMap((section) => {
    const [heads, , ...rows] = section.split("\n").filter((line) => line.startsWith("|"))
      .map((line) => line.split("|").map((cell) => cell.trim()).slice(1, -1));
    const missing = (row: string[], at: number) => row[at] === "not measured";
    const known = (at: number) => !compared && /PyTorch/.test(heads[at]);
    if (heads[0] === "work") { // a point may not have been begun where time was short
      return heads.filter((_, at) => !known(at) && rows.every((row) => missing(row, at)));
    }
    return rows.filter(([name]) => !ONLY_ON_GPU.includes(name)).flatMap((row) =>
      heads.flatMap((head, at) => missing(row, at) && !known(at) ? [`${row[0]}: ${head}`] : [])
    );
  });
}

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
    const compared = await pythonWithTorchvision() !== null;
    assertEquals(
      unfilled(tables(results, REHEARSED), { compared }),
      [],
      "cells of docs/gpu.md that no stage fills",
    );
  }));
