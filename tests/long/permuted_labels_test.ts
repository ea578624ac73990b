/**
 * A leak would show here: with the labels shuffled among the films of each hospital there is nothing to learn, so a
 * model that still scores has seen the test labels, or the split, by another way.
 */
import { assert, assertGreaterOrEqual } from "@std/assert";
import { generator } from "../../src/cli/commands/demo/hospitals.ts";
import { proposalOf, settingsOf } from "../../src/cli/options/proposal.ts";
import { HOSPITALS } from "../../src/data/phantom/phantom.ts";
import { writePhantoms } from "../../src/data/phantom/files.ts";
import { prepareShard } from "../../src/data/prepare.ts";
import { Shard } from "../../src/data/shard.ts";
import { EngineTrainer } from "../../src/fed/training/engine_trainer.ts";
import { runLocal } from "../../src/fed/training/local.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { initialWeights } from "../../src/model/weights/initial.ts";
import { inFolder } from "../testing/folder.ts";
import { libraries } from "../testing/libraries.ts";
import { seeded } from "../testing/random.ts";

const SIZE = 64, ROUNDS = 4, FILMS = { train: 448, val: 128, test: 256 };
const LABEL = 1, SPLIT = 6;
const libs = await libraries();

/** Shuffles the label column among the lines of each split. */
function permuteLabels(csv: string, random: () => number): string {
  const [header, ...lines] = csv.trimEnd().split("\n").map((line) => line.split(","));
  for (const split of ["train", "val", "test"]) {
    const rows = lines.filter((line) => line[SPLIT] === split);
    for (let i = rows.length - 1; i > 0; i--) {
      const j = Math.floor((i + 1) * random());
      [rows[i][LABEL], rows[j][LABEL]] = [rows[j][LABEL], rows[i][LABEL]];
    }
  }
  return [header, ...lines].map((line) => line.join(",")).join("\n") + "\n";
}

Deno.test("runLocal: with labels permuted within each hospital the test AUROC is .5 ± .07 on ≥ 600 films", () =>
  inFolder(async (dir) => {
    const shards: Shard[] = [];
    for (const [index, hospital] of Object.values(HOSPITALS).entries()) {
      const films = `${dir}/${hospital.name}`;
      await writePhantoms(films, { hospital, size: SIZE, ...FILMS, random: generator(11, index) });
      const labels = `${films}/labels.csv`;
      await Deno.writeTextFile(labels, permuteLabels(await Deno.readTextFile(labels), seeded(index + 1)));
      await prepareShard({
        images: `${films}/images`,
        labels,
        size: SIZE,
        out: `${films}/shard`,
        site: `${films}/site`,
      });
      shards.push(await Shard.open(`${films}/shard`));
    }
    const settings = { network: "efficientnet_b0", channels: 1, init: "imagenet", seed: 0 } as const;
    const start = await initialWeights(layoutOf("efficientnet_b0", settings), settings);
    const silos = Object.keys(HOSPITALS);
    const { kernel } = shards[0].manifest;
    const values = { ...settings, recipe: "default", size: SIZE, kernel, silos, rounds: ROUNDS } as const;
    const proposal = proposalOf(settingsOf(values, { hospitals: 1 }), start);
    using trainer = await EngineTrainer.create(proposal, { shards, device: "cpu", libraries: libs });
    const { test } = await runLocal({
      trainer,
      proposal,
      start: start.vector,
      out: `${dir}/model.safetensors`,
    });
    const films = Object.values(test.silos).reduce((sum, silo) => sum + silo.images, 0);
    assertGreaterOrEqual(films, 600);
    console.log(`labels permuted: stratified test AUROC ${test.stratified?.toFixed(3)} on ${films} films`);
    assert(Math.abs(test.stratified! - 0.5) <= 0.07, `${test.stratified}`);
  }));
