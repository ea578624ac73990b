import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { preset } from "../../../../src/model/recipe.ts";
import { measurePace } from "../../../../src/cli/commands/demo/pace.ts";
import { type Split, SPLITS } from "../../../../src/data/shard.ts";
import type { ShardRow } from "../../../../src/data/shard_writer.ts";
import { SCORING_SPEEDUP } from "../../../../src/fed/maths/row_share.ts";
import { liveHandles } from "../../../../src/model/shutdown.ts";
import { preprocessingOf } from "../../../../src/model/weights/model_file.ts";
import { inFolder } from "../../../testing/folder.ts";
import { libraries } from "../../../testing/libraries.ts";
import { writeShard } from "../../../testing/write_shard.ts";

await libraries();
const SIZE = 32;
const options = { device: "cpu" as const, threads: 1, signal: new AbortController().signal };

function* rows(counts: Record<Split, number>): Generator<ShardRow> {
  for (const split of SPLITS) {
    for (let i = 0; i < counts[split]; i++) {
      const pixels = new Uint8Array(SIZE * SIZE).fill(9 * i);
      yield { pixels, label: i % 2, patient: `${split}${i}`, split, name: `${split}${i}.png` };
    }
  }
}

/** Shards of hospitals with so many training films. */
function withShards(train: number[], body: (shards: Record<string, string>) => Promise<void>): Promise<void> {
  return inFolder(async (dir) => {
    const shards: Record<string, string> = {};
    for (const [index, films] of train.entries()) {
      shards[index] = `${dir}/${index}`;
      const all = { size: SIZE, kernel: preprocessingOf(1).kernel, salt: "t" };
      await writeShard(shards[index], { ...all, rows: rows({ train: films, val: 8, test: 4 }) });
    }
    await body(shards);
  });
}

Deno.test("measurePace: all hospitals' engines are there before one is timed, and the slowest hospital is the pace", () =>
  withShards([40, 80, 40], async (shards) => {
    let made = 0, disposed = 0;
    const speeds = [1, 10, 4];
    const { pass, start } = await measurePace({ shards }, options, (settings, { threads }) => {
      assertEquals([settings.recipe.batch, threads], [preset("default").batch, 1]);
      const speed = speeds[made++];
      return Promise.resolve({
        stepsPerSecond: () => (assertEquals(made, 3), Promise.resolve(speed)),
        [Symbol.dispose]: () => void disposed++,
      });
    });
    const { batch } = preset("default");
    assertAlmostEquals(pass, Math.floor(40 / batch) + 8 / (batch * SCORING_SPEEDUP));
    assert(start >= 0);
    assertEquals(disposed, 3);
  }));

Deno.test("measurePace that is stopped while engines are timed gives no pace, and leaves none of them behind", () =>
  withShards([40, 40], async (shards) => {
    const stop = new AbortController();
    let disposed = 0;
    const timed = () => (stop.abort(new Error("stopped")), Promise.resolve(1));
    const create = () => Promise.resolve({ stepsPerSecond: timed, [Symbol.dispose]: () => void disposed++ });
    const measuring = measurePace({ shards }, { ...options, signal: stop.signal }, create);
    await assertRejects(() => measuring, Error, "stopped");
    assertEquals(disposed, 2);
  }));

Deno.test("measurePace times real engines at once and leaves none behind", () =>
  withShards([16], async ({ 0: shard }) => {
    const before = liveHandles();
    const { pass, start } = await measurePace({ shards: { a: shard, b: shard } }, options);
    assert(pass > 0 && pass < Infinity && start > 0, `${pass} ${start}`);
    assertEquals(liveHandles(), before);
  }));
