import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Shard, type Split, SPLITS } from "../../../src/data/shard.ts";
import type { ShardRow } from "../../../src/data/shard_writer.ts";
import { type EngineSettings, EngineTrainer } from "../../../src/fed/training/engine_trainer.ts";
import { preprocessingOf } from "../../../src/model/weights/model_file.ts";
import { digest } from "../../../src/files/digest.ts";
import { randomWeights } from "../../../src/model/weights/random.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { liveHandles } from "../../../src/model/shutdown.ts";
import { PURPOSE, words } from "../../../src/model/philox.ts";
import { preset } from "../../../src/model/recipe.ts";
import { declineOf } from "../../../src/fed/protocol/decline.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { writeFindings } from "../../testing/finding_shards.ts";
import { asVersion1 } from "../../testing/older_shard.ts";
import { inFolder } from "../../testing/folder.ts";
import { libraries } from "../../testing/libraries.ts";
import { writeShard } from "../../testing/write_shard.ts";

const SIZE = 32;
const libs = await libraries();
const COUNTS: Record<Split, number> = { train: 10, val: 6, test: 5 };
const layout = layoutOf("efficientnet_b0", { channels: 1 });
const start = randomWeights(layout, 1);

/** 21 films of noise, of 7 patients a split at most. */
function* rows(seed: number): Generator<ShardRow> {
  let position = 0;
  for (const split of SPLITS) {
    for (let i = 0; i < COUNTS[split]; i++, position++) {
      const noise = words({ seed, silo: 0 }, { purpose: PURPOSE.phantom, position }, SIZE * SIZE);
      const pixels = Uint8Array.from(noise, (x) => x >>> 24);
      yield { pixels, label: i % 2, patient: `${split}${i % 7}`, split, name: `${position}.png` };
    }
  }
}

async function withShards(body: (shards: Shard[]) => Promise<void>): Promise<void> {
  await inFolder(async (dir) => {
    const shards: Shard[] = [];
    for (const seed of [1, 2]) {
      await writeShard(`${dir}/${seed}`, {
        size: SIZE,
        kernel: preprocessingOf(1).kernel,
        salt: "t",
        rows: rows(seed),
      });
      shards.push(await Shard.open(`${dir}/${seed}`));
    }
    await body(shards);
  });
}

const settings: EngineSettings = {
  network: "efficientnet_b0",
  channels: 1,
  preprocessing: preprocessingOf(1),
  labelRule: "any-finding",
  recipe: preset("default", { batch: 4 }),
  seed: 3,
};

function trainerOf(shards: Shard[], options: { clock?: () => number } = {}): Promise<EngineTrainer> {
  const machine = { device: "cpu" as const, threads: 1, libraries: libs };
  return EngineTrainer.create(settings, { shards, silo: 1, ...machine, ...options });
}

Deno.test("EngineTrainer: counts, classes and what it predicts beside are by the label rule", () =>
  withShards(async (shards) => {
    const labelRule = "positive:mass";
    const machine = { device: "cpu" as const, threads: 1, libraries: libs };
    const make = (labelRule: string) =>
      EngineTrainer.create({ ...settings, labelRule }, { shards, ...machine });
    using trainer = await make(labelRule);
    assertEquals([trainer.shard.labelRule, trainer.shard.splits.train.positives], [labelRule, 0]);
    assertEquals((await trainer.predict("val")).labels.includes(1), false);
    using other = await make("exclude:mass"); // all have Atelectasis where they have a finding
    using any = await make("any-finding");
    assertEquals(other.shard.splits, any.shard.splits);
    assertEquals((await other.predict("test")).labels, (await any.predict("test")).labels);
  }));

Deno.test("EngineTrainer.create: a shard that knows a finding of the rule only as other is refused before an engine is made", () =>
  inFolder(async (dir) => {
    const films = [["Line"], ["Rib plate"], []];
    await writeFindings(`${dir}/shard`, { train: films, val: films, test: films }, { size: SIZE });
    await asVersion1(`${dir}/shard`);
    const shards = [await Shard.open(`${dir}/shard`)];
    const before = liveHandles();
    const create = () =>
      EngineTrainer.create({ ...settings, labelRule: "positive:line" }, { shards, libraries: libs });
    const error = await assertRejects(create, ProtocolError);
    assertEquals([error.code, declineOf(error)], ["other_labels", "other_labels"]);
    assertEquals(error.got, "a shard of an older fedx, which knows line only as other");
    assertEquals(error.remedy, "make it again with `fedx prepare`");
    assertEquals(liveHandles(), before);
  }));

Deno.test("EngineTrainer.train: same settings, vector and row give the same bits; another silo number others", () =>
  withShards(async (shards) => {
    using trainer = await trainerOf([shards[0]]);
    const row = { firstStep: 5, steps: 3, p0: 0.2, p1: 0.4 };
    const train = async () => {
      await trainer.load(start);
      const heard: number[] = [];
      const result = await trainer.train(row, { onStep: (done) => heard.push(done) });
      assertEquals(heard.at(-1), 3);
      assertEquals(result.images, 12);
      return digest(result.vector);
    };
    const first = await train();
    assertNotEquals(first, digest(start));
    await trainer.stepsPerSecond();
    assertEquals(await train(), first);
    const { recipe, seed } = settings;
    await trainer.configure({ recipe, classWeights: [1, 1], seed, silo: 2 });
    assertNotEquals(await train(), first);
  }));

Deno.test("EngineTrainer.stepsPerSecond: a machine that stops for minutes in one step, or two, is as fast as before", () =>
  withShards(async (shards) => {
    const speeds: number[] = [];
    for (const stops of [[], [9], [9, 13]]) {
      let calls = 0, now = 0;
      // Each look at the clock finds 10 ms more; a timed step takes three.
      const clock = () => now += stops.includes(++calls) ? 200_000 : 10;
      using trainer = await trainerOf([shards[0]], { clock });
      speeds.push(await trainer.stepsPerSecond());
    }
    assertEquals(speeds, [1000 / 30, 1000 / 30, 1000 / 30]);
  }));

Deno.test("EngineTrainer.train says of each step whether its loss or gradient was not finite", () =>
  withShards(async (shards) => {
    using trainer = await trainerOf([shards[0]]);
    const row = { firstStep: 0, steps: 3, p0: 0.2, p1: 0.4 };
    await trainer.load(start);
    assertEquals((await trainer.train(row)).skipped, [false, false, false]);
    await trainer.load(start.map((x) => x * 1e30));
    assertEquals((await trainer.train(row)).skipped, [true, true, true]);
    // The classifier's bias: the loss alone is not finite.
    await trainer.load(start.with(trainer.layout.weights - 1, Infinity));
    assertEquals((await trainer.train(row)).skipped, [true, true, true]);
  }));

Deno.test("EngineTrainer.train rejects with the signal's reason", () =>
  withShards(async (shards) => {
    using trainer = await trainerOf([shards[0]]);
    await trainer.load(start);
    const stop = new AbortController();
    const training = trainer.train({ firstStep: 0, steps: 50, p0: 0, p1: 1 }, {
      signal: stop.signal,
      onStep: () => stop.abort(new Error("enough")),
    });
    assertEquals((await assertRejects(() => training, Error)).message, "enough");
  }));

Deno.test("EngineTrainer pools shards: rows in shard order, patients apart, the same logits as alone", async () => {
  await withShards(async (shards) => {
    using pooled = await trainerOf(shards);
    assertEquals(pooled.shard.splits.train.images, 20);
    await pooled.load(start);
    const both = await pooled.predict("val");
    assertEquals([...both.strata!], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    const patients = (stratum: number) =>
      new Set(both.patients.filter((_, i) => both.strata![i] === stratum));
    assertEquals(patients(0).intersection(patients(1)).size, 0);
    for (const [index, shard] of shards.entries()) {
      using alone = await trainerOf([shard]);
      await alone.load(start);
      const one = await alone.predict("val");
      assertEquals(one.strata, undefined);
      const part = both.logits.subarray(index * 6, index * 6 + 6);
      assert(one.logits.every((z, i) => Math.abs(z - part[i]) <= 1e-5 * Math.max(1, Math.abs(z))));
    }
  });
  assertEquals(liveHandles(), 0);
});
