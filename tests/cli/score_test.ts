import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { Scorer } from "../../src/cli/score.ts";
import { preprocessingOf, saveModel } from "../../src/model/weights/model_file.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { films, vectorOf } from "../golden/model.ts";
import { inFolder } from "../testing/folder.ts";

const SIZE = 32, KINDS = 4;
const layout = layoutOf("efficientnet_b0", { channels: 1 });

/** A shard of `count` films, of four kinds in turn. */
function shardOf(count: number) {
  const kinds = films(KINDS, SIZE);
  const pixels = new Uint8Array(count * SIZE * SIZE);
  for (let at = 0; at < pixels.length; at += kinds.length) {
    pixels.set(kinds.subarray(0, pixels.length - at), at);
  }
  return {
    size: SIZE,
    count,
    pixelBlocks: () => [{ first: 0, pixels }],
    binary: () => Uint8Array.from({ length: count }, (_, row) => row % 2),
    patients: Uint32Array.from({ length: count }, (_, row) => row),
  } as never;
}

async function withScorer(work: (scorer: Scorer) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const preprocessing = preprocessingOf(1);
    const metadata = { network: "efficientnet_b0", size: SIZE, channels: 1, preprocessing } as const;
    await saveModel(`${folder}/model.safetensors`, vectorOf(layout), layout, metadata);
    const choice = { engine: "tfjs", device: "auto" } as const;
    using scorer = await Scorer.open(`${folder}/model.safetensors`, choice);
    await work(scorer);
  });
}

Deno.test("LoadedShard.score gives every row its logit, beyond one chunk too", () =>
  withScorer(async (scorer) => {
    using loaded = await scorer.load(shardOf(600), "shard-a");
    const rows = Uint32Array.from({ length: 550 }, (_, i) => 599 - i);
    const { logits, labels, patients } = await loaded.score(rows);
    const want = await scorer.films(new Uint8Array(films(KINDS, SIZE)));
    rows.forEach((row, i) => assertAlmostEquals(logits[i], want[row % KINDS], 1e-5));
    assertEquals(labels, Uint8Array.from(rows, (row) => row % 2));
    assertEquals(patients, rows);
  }));

Deno.test("LoadedShard.score stops between chunks once the signal is aborted", () =>
  withScorer(async (scorer) => {
    using loaded = await scorer.load(shardOf(600), "shard-a");
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 0);
    const score = () => loaded.score(Uint32Array.from({ length: 600 }, (_, row) => row), controller);
    await assertRejects(score, DOMException, "aborted");
  }));

Deno.test("Scorer.load refuses a shard of another size with the command that makes the right one", () =>
  withScorer(async (scorer) => {
    const other = { size: 64 } as never;
    await assertRejects(() => scorer.load(other, "shard-b"), Error, "run `fedx prepare --size 32");
  }));
