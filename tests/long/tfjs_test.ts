/** On real radiographs, where they lie beside the repository (`../shared/data`); skipped with a note elsewhere. */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { parse } from "csv-parse/sync";
import { fileURLToPath } from "node:url";
import { run, runJson } from "../testing/program.ts";
import { inFolder } from "../testing/folder.ts";

const SILO = fileURLToPath(new URL("../../../shared/data/kermany/silo-b/", import.meta.url));
const here = await Deno.stat(`${SILO}labels.csv`).then(() => true, () => false);
if (!here) console.log("tfjs_test: skipped: ../shared/data is not here");

/** Logits of the test films by name, as `fedx predict` wrote them. */
async function testLogits(path: string): Promise<Map<string, number>> {
  const rows: Record<string, string>[] = parse(await Deno.readTextFile(path), { columns: true });
  const test = rows.filter((row) => row.split === "test");
  return new Map(test.map((row) => [row["Image Index"], Number(row.logit)]));
}

Deno.test({
  name: "fedx predict --engine tfjs equals libtorch within 1e-4 · max(1, |z|) on all test films of silo-b",
  ignore: !here,
  fn: () =>
    inFolder(async (cwd) => {
      const labels = ["--images", `${SILO}images`, "--labels", `${SILO}labels.csv`];
      await runJson(["prepare", ...labels, "--size", "128", "--out", "shard"], { cwd });
      const train = ["--init", "random", "--epochs", "3", "--out", "model.safetensors"];
      await runJson(["local", "--shard", "shard", ...train], { cwd });
      const logits: Map<string, number>[] = [];
      for (const engine of ["libtorch", "tfjs"]) {
        const out = ["--out", `${engine}.csv`, "--engine", engine];
        const scored = await runJson(
          ["predict", "--model", "model.safetensors", "--shard", "shard", ...out],
          {
            cwd,
          },
        );
        const [images, seconds] = [Number(scored.images), Number(scored.seconds)];
        console.log(`${engine}: ${images} films, ${(images / seconds).toFixed(0)} a second, start included`);
        logits.push(await testLogits(`${cwd}/${engine}.csv`));
      }
      const [libtorch, tfjs] = logits;
      assert(libtorch.size > 100);
      assertEquals([...tfjs.keys()], [...libtorch.keys()]);
      const differences = [...libtorch].map(([name, z]) =>
        Math.abs(tfjs.get(name)! - z) / Math.max(1, Math.abs(z))
      );
      const worst = Math.max(...differences);
      const values = [...libtorch.values()];
      const range = [Math.min(...values), Math.max(...values)].map((z) => z.toFixed(2));
      console.log(`${libtorch.size} test films, logits ${range.join(" to ")}: largest difference ${worst}`);
      assertLessOrEqual(worst, 1e-4);
      const figures = ["libtorch", "tfjs"].map((engine) =>
        runJson(["evaluate", "--model", "model.safetensors", "--shard", "shard", "--engine", engine], { cwd })
      );
      const [a, b] = await Promise.all(figures);
      assert(Math.abs(Number(a.auroc) - Number(b.auroc)) < 1e-3, `${a.auroc} ${b.auroc}`);
      const refused = await run(["local", "--shard", "shard", ...train, "--engine", "tfjs"], { cwd });
      assertEquals(refused.code, 2);
    }),
});
