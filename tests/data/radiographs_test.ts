/** Real radiographs, where they lie beside the repository (`../shared/data`); skipped with a note elsewhere. `FEDX_FILMS=all`: every set. */

import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { prepareShard } from "../../src/data/prepare.ts";
import { Shard } from "../../src/data/shard.ts";
import { inFolder } from "../testing/folder.ts";

const FOLDER = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

const ALL = { "kermany/silo-a": 2105, "kermany/silo-b": 1022, "kermany/silo-c": 1120, nih1000: 831 };
const SETS = Deno.env.get("FEDX_FILMS") === "all" ? ALL : { nih1000: ALL.nih1000 };

for (const [name, images] of Object.entries(SETS)) {
  const dir = FOLDER + name;
  const here = await Deno.stat(`${dir}/labels.csv`).then(() => true, () => false);
  if (!here) console.log(`radiographs_test: ${name} skipped: ../shared/data is not here`);
  Deno.test({
    name: `prepareShard: every film of ${name} becomes part of a shard of 128 px`,
    ignore: !here,
    fn: () =>
      inFolder(async (parent) => {
        const out = `${parent}/shard`;
        const result = await prepareShard({
          images: `${dir}/images`,
          labels: `${dir}/labels.csv`,
          size: 128,
          out,
          site: `${parent}/site`,
        });
        assertEquals([result.quarantine, new Set(Object.values(result.quarantined))], [null, new Set([0])]);
        assertEquals(result.images, images);
        assertEquals((await Shard.open(out, { verify: true })).count, images);
      }),
  });
}
