/**
 * Every network in a run of real processes: undisturbed, and with a silo and the aggregator killed on the way, it ends with
 * the same model, which `evaluate` and `predict` take with either engine.
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { NETWORK_NAMES } from "../../src/model/networks/networks.ts";
import { Federation, hashes } from "../e2e/federation.ts";
import { fileFolder } from "../testing/folder.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { objectOf, run as runProgram } from "../testing/program.ts";

const dir = await fileFolder();
let made: Promise<void> | undefined;

for (const network of NETWORK_NAMES) {
  Deno.test(`${network}: three silos train, a killed run ends as an undisturbed one, its model scores films`, async () => {
    await (made ??= makeHospitals(dir));
    const flags = ["--batch", "8", "--network", network];
    const plain = await new Federation({ dir, name: `${network}-plain`, flags }).run();
    assertEquals([plain.hub.rounds, plain.hub.degraded], [2, false]);
    const killed = new Federation({
      ...{ dir, name: `${network}-killed`, flags },
      faults: { b: ["kill:training:2"], hub: ["kill:receiving:2", "kill:committed:1"] },
    });
    const results = await killed.run();
    assertEquals(killed.fallen.length, 3);
    assertEquals(hashes(results), hashes(plain));

    const model = `${dir}/${network}-plain/a/model.safetensors`;
    const ask = async (words: string[]) =>
      objectOf(await runProgram([...words, "--json"], { cwd: dir }), words[0]);
    for (const engine of ["libtorch", "tfjs"]) {
      const evaluated = await ask(["evaluate", "--model", model, "--shard", "shard-a", "--engine", engine]);
      assertEquals(evaluated.images, 20);
      const out = `${network}-${engine}.csv`;
      await ask(["predict", "--model", model, "--shard", "shard-a", "--engine", engine, "--out", out]);
    }
    const [own, tfjs] = await Promise.all(["libtorch", "tfjs"].map(async (engine) => {
      const [, ...rows] = (await Deno.readTextFile(`${dir}/${network}-${engine}.csv`)).trim().split("\n");
      return rows.map((row) => Number(row.split(",")[1]));
    }));
    assert(own.length > 0 && own.length === tfjs.length);
    own.forEach((value, film) => assertAlmostEquals(value, tfjs[film], 1e-4));
  });
}
