import { assertEquals, assertRejects } from "@std/assert";
import { poolOf } from "../../../src/data/pool.ts";
import type { Shard } from "../../../src/data/shard.ts";
import { runAggregator } from "../../../src/fed/aggregator/aggregator.ts";
import type { Proposal } from "../../../src/fed/protocol/messages.ts";
import { withSettledStatistics } from "../../../src/fed/maths/settled_statistics.ts";
import { runSilo } from "../../../src/fed/silo/silo.ts";
import { EngineTrainer } from "../../../src/fed/training/engine_trainer.ts";
import { type Made, play, type Played, type PlayOptions } from "../../../src/fed/training/in_process.ts";
import { runLocal } from "../../../src/fed/training/local.ts";
import { digest } from "../../../src/files/digest.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { preset } from "../../../src/model/recipe.ts";
import { liveHandles } from "../../../src/model/shutdown.ts";
import { loadTrainingFilms } from "../../../src/model/training_films.ts";
import { randomWeights } from "../../../src/model/weights/random.ts";
import { proposalOf, withFederation } from "../../testing/fake_federation.ts";
import { freePort } from "../../testing/free_port.ts";
import { libraries } from "../../testing/libraries.ts";
import { noiseShards } from "../../testing/noise_shards.ts";

const SILOS = ["a", "b", "c"];
const libs = await libraries();
const layout = layoutOf("efficientnet_b0", { channels: 1 });
const start = randomWeights(layout, 1);
/** Batches of 4, so that a round of .75 passes has 2, 3 or 4 steps. */
const short = preset("default", { batch: 4, localEpochs: 0.75 }, { silos: 3 });
/** 53 steps a round in the mean, so that statistics are fixed in the second. */
const long = preset("default", { batch: 2, localEpochs: 7 }, { silos: 3 });
const machine = { device: "cpu" as const, threads: 1, libraries: libs };

/** Plays a training on shards: what was heard, and the digest of the last model. */
async function played(
  shards: Shard[],
  { signal, ...changes }: Partial<Played> & Pick<PlayOptions, "signal">,
): Promise<{ made: Made[]; sha256: string }> {
  const pool = poolOf(shards);
  using loaded = await loadTrainingFilms(libs, pool);
  const parties = SILOS.map((_, index) =>
    pool.rows.train.filter((row) => (pool.strata?.[row] ?? 0) === index)
  );
  const made: Made[] = [];
  const vector = await play(loaded, {
    ...{ network: "efficientnet_b0", recipe: short, start, seed: 7, passes: 3, parties },
    ...changes,
  }, {
    ...{ ...machine, signal },
    onModel: async (one, score) => {
      made.push({ ...one, seconds: Math.sign(one.seconds) });
      assertEquals((await score(pool.rows.test)).logits.length, pool.rows.test.length);
    },
  });
  return { made, sha256: digest(vector) };
}

const proposal = (changes: Partial<Proposal>) =>
  proposalOf(start, { recipe: short, localEpochs: 0.75, rounds: 4, ...changes });

for (const [what, recipe] of Object.entries({ "parts of a pass": short, "fixed statistics": long })) {
  Deno.test(`play: three hospitals end with the weights of a real federation, bit for bit: ${what}`, () =>
    withFederation(async (dir) => {
      const shards = await noiseShards(dir, SILOS);
      const port = freePort(), { localEpochs } = recipe, rounds = recipe === long ? 2 : 4;
      const settings = proposalOf(start, { recipe, localEpochs, rounds });
      const [federated] = await Promise.all([
        runAggregator({
          ...{ proposal: settings, start, layout, listen: { host: "127.0.0.1", port } },
          ...{ tls: `${dir}/tls-aggregator`, state: `${dir}/state` },
        }),
        ...SILOS.map((silo, index) =>
          runSilo({
            ...{ silo, server: `https://127.0.0.1:${port}`, tls: `${dir}/tls-${silo}` },
            state: `${dir}/state-${silo}`,
            accept: { minTrainPatients: 2 },
            trainer: (proposal) =>
              EngineTrainer.create(proposal, { ...machine, shards: [shards[index]], silo: index + 1 }),
          })
        ),
      ]);
      const passes = rounds * localEpochs;
      const { made, sha256 } = await played(shards, { recipe, passes });
      assertEquals(sha256, federated.last_sha256);
      // A model a pass, and the last.
      assertEquals(
        made.map(({ round, passes, seconds }) => [round, passes, seconds]),
        recipe === long
          ? [[0, 0, 0], [1, 7, 1], [2, 14, 1]]
          : [[0, 0, 0], [2, 1.5, 1], [3, 2.25, 1], [4, 3, 1]],
      );
      const images = poolOf(shards).rows.train.length;
      assertEquals(
        withSettledStatistics(recipe, { images, silos: 3, localEpochs }).bn,
        recipe === long ? 0.5 : 1,
      );
    }));
}

Deno.test("play: one hospital ends with the weights of `fedx local`, bit for bit; with kept moments with others", () =>
  withFederation(async (dir) => {
    const [shard] = await noiseShards(dir, SILOS);
    const parties = [shard.rows("train")];
    const one = proposal({ silos: ["a"] });
    using trainer = await EngineTrainer.create(one, { ...machine, shards: [shard] });
    const local = await runLocal({ trainer, proposal: one, start, out: `${dir}/model.safetensors` });
    const sha256 = async (keep?: boolean) => (await played([shard], { parties, keep })).sha256;
    assertEquals(await sha256(false), local.last_sha256);
    const kept = await sha256();
    assertEquals(kept === local.last_sha256, false);
    assertEquals(await sha256(true), kept);
  }));

Deno.test("play ends at a signal and leaves no engine behind", () =>
  withFederation(async (dir) => {
    const shards = await noiseShards(dir, SILOS);
    const before = liveHandles();
    const signal = AbortSignal.abort(new DOMException("stopped", "AbortError"));
    await assertRejects(() => played(shards, { signal }), DOMException, "stopped");
    assertEquals(liveHandles(), before);
  }));
