/**
 * Question: how fast does a shard serve films, beside decoding the files it was made from?
 *
 * Divide: each shard bench handles 4,096 films of 128 × 128 (64 MiB), each decode bench one film of 1024 × 1024.
 */

import { decodeImage } from "../src/data/decode.ts";
import { encodePng, loadSharp } from "../src/data/sharp.ts";
import { Shard } from "../src/data/shard.ts";
import { writeShard } from "../tests/testing/write_shard.ts";
import { fileFolder } from "../tests/testing/folder.ts";

const COUNT = 4096, SIZE = 128, STRIDE = SIZE * SIZE;

/** Smooth tissue and grain: compresses about as a radiograph does. */
function film(size: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: size * size }, (_, i) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return 120 + 80 * Math.sin(i / size / 90) * Math.cos((i % size) / 70) + (state >> 16) % 12;
  });
}

const pixels = film(SIZE);
const shardDir = `${await fileFolder()}/shard`;
await writeShard(shardDir, {
  size: SIZE,
  kernel: "lanczos3",
  salt: "fedx-1",
  rows: Array.from({ length: COUNT }, (_, i) => ({
    pixels,
    label: i % 2,
    patient: String(i),
    split: "train" as const,
    name: `${i}`,
  })),
});
const shard = await Shard.open(shardDir);

Deno.bench("shard: open with verify, 4096 films", { group: "shard" }, async () => {
  await Shard.open(shardDir, { verify: true });
});

Deno.bench("shard: read 4096 films in blocks of 8 MiB", { group: "shard", baseline: true }, async () => {
  let rows = 0;
  for await (const block of shard.pixelBlocks()) rows += block.pixels.length / STRIDE;
  if (rows !== COUNT) throw new Error(`Cannot bench: expected ${COUNT} films, got ${rows}`);
});

const resident = new Uint8Array(COUNT * STRIDE);
for await (const { first, pixels } of shard.pixelBlocks()) resident.set(pixels, first * STRIDE);
const order = Uint32Array.from({ length: COUNT }, (_, i) => (i * 2654435761) % COUNT);
const batch = new Uint8Array(32 * STRIDE);

Deno.bench("shard: gather 4096 films at random, batches of 32", { group: "shard" }, () => {
  for (let i = 0; i < COUNT; i++) {
    const row = order[i];
    batch.set(resident.subarray(row * STRIDE, (row + 1) * STRIDE), (i % 32) * STRIDE);
  }
});

const png = await encodePng(film(1024), 1024);
const sharp = await loadSharp();
const jpeg = new Uint8Array(await sharp(png).jpeg({ quality: 90 }).toBuffer());

Deno.bench("decode: one PNG of 1024 × 1024 to 128", { group: "decode", baseline: true }, async () => {
  await decodeImage(png, { size: SIZE });
});

Deno.bench("decode: one JPEG of 1024 × 1024 to 128", { group: "decode" }, async () => {
  await decodeImage(jpeg, { size: SIZE });
});

Deno.bench("decode: three PNGs of 1024 × 1024 at once", { group: "decode" }, async () => {
  await Promise.all([1, 2, 3].map(() => decodeImage(png, { size: SIZE })));
});
