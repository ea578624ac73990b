import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Shard } from "../../src/data/shard.ts";
import type { ShardRow } from "../../src/data/shard_writer.ts";
import { inFolder } from "../testing/folder.ts";
import { seeded } from "../testing/random.ts";
import { runCommand } from "../testing/run_command.ts";
import { writeShard } from "../testing/write_shard.ts";

const SIZE = 8;

function rows(count: number): ShardRow[] {
  const random = seeded(1);
  return Array.from({ length: count }, (_, i) => ({
    pixels: Uint8Array.from({ length: SIZE * SIZE }, () => 256 * random()),
    label: i % 3 === 0 ? 0 : 1 << (i % 15),
    patient: `p${i >> 1}`,
    split: (["train", "train", "val", "test"] as const)[(i >> 1) % 4],
    name: `film ${i}.png`,
  }));
}

async function withShard(work: (dir: string, films: ShardRow[]) => Promise<void>): Promise<void> {
  await inFolder(async (parent) => {
    const films = rows(40);
    await writeShard(`${parent}/shard`, { size: SIZE, kernel: "lanczos3", salt: "fedx-1", rows: films });
    await work(`${parent}/shard`, films);
  });
}

Deno.test("Shard: reads back every pixel, label, patient, split and name", () =>
  withShard(async (dir, films) => {
    const shard = await Shard.open(dir, { verify: true });
    assertEquals([shard.count, shard.size], [40, SIZE]);
    assertEquals([...shard.labels], films.map((film) => film.label));
    assertEquals([...shard.binary()], films.map((film) => film.label ? 1 : 0));
    assertEquals([...shard.patients], films.map((_, i) => i >> 1));
    assertEquals(await shard.names(), films.map((film) => film.name));
    const split = [...shard.splits].map((code) => ["train", "val", "test"][code]);
    assertEquals(split, films.map((film) => film.split));
    for (const maxBytes of [1, 7 * SIZE * SIZE + 5, 1e6]) {
      let next = 0;
      for await (const { first, pixels } of shard.pixelBlocks(maxBytes)) {
        assertEquals(first, next);
        for (let at = 0; at < pixels.length; at += SIZE * SIZE) {
          assertEquals(pixels.subarray(at, at + SIZE * SIZE), films[next++].pixels);
        }
      }
      assertEquals(next, 40);
    }
  }));

Deno.test("Shard.rows: the rows of each split, counted as in the manifest", () =>
  withShard(async (dir) => {
    const shard = await Shard.open(dir);
    const all = (["train", "val", "test"] as const).flatMap((split) => [...shard.rows(split)]);
    assertEquals(all.sort((a, b) => a - b), Array.from({ length: 40 }, (_, i) => i));
    assertEquals([...shard.rows("val")].slice(0, 3), [4, 5, 12]);
    assertEquals(shard.manifest.counts.train, { images: 20, patients: 10, positives: 13 });
  }));

Deno.test("Shard.open: a missing, short, long or foreign file is refused by name, with the remedy", () =>
  withShard(async (dir) => {
    const image = await Deno.readFile(`${dir}/images.u8`);
    await Deno.writeFile(`${dir}/images.u8`, image.subarray(1));
    await assertRejects(() => Shard.open(dir), RangeError, "expected 2560 bytes in images.u8, got 2559");
    await Deno.remove(`${dir}/images.u8`);
    await assertRejects(
      () => Shard.open(dir),
      Error,
      "expected images.u8 in it, got none (remedy: build the shard again",
    );
    await assertRejects(() => Shard.open(`${dir}/nothing`), Error, "folder made by `fedx prepare`");
  }));

Deno.test("Shard.open verify: one flipped bit in any file is found", () =>
  withShard(async (dir) => {
    for (const name of ["images.u8", "labels.u16", "patient.u32", "names.txt"]) {
      const bytes = await Deno.readFile(`${dir}/${name}`);
      bytes[bytes.length - 8] ^= 1;
      await Deno.writeFile(`${dir}/${name}`, bytes);
      await assertRejects(() => Shard.open(dir, { verify: true }), Error, "build the shard again");
      bytes[bytes.length - 8] ^= 1;
      await Deno.writeFile(`${dir}/${name}`, bytes);
    }
    await Shard.open(dir, { verify: true });
  }));

Deno.test("Shard.open verify: takes turns over more than two chunks and names the damaged block", () =>
  inFolder(async (parent) => {
    const [dir, size] = [`${parent}/shard`, 1024];
    const films = Array.from({ length: 70 }, (_, i) => ({
      ...rows(1)[0],
      pixels: new Uint8Array(size * size).fill(i),
      patient: String(i),
    }));
    await writeShard(dir, { size, kernel: "lanczos3", salt: "fedx-1", rows: films });
    await Shard.open(dir, { verify: true });
    using file = await Deno.open(`${dir}/images.u8`, { write: true });
    await file.seek(68 * size * size, Deno.SeekMode.Start);
    await file.write(Uint8Array.of(7));
    await assertRejects(() => Shard.open(dir, { verify: true }), SyntaxError, "block 1 of images.u8");
  }));

Deno.test("local refuses a shard with a flipped bit before anything else", () =>
  withShard(async (dir) => {
    const bytes = await Deno.readFile(`${dir}/images.u8`);
    await Deno.writeFile(`${dir}/images.u8`, bytes.with(9, bytes[9] ^ 1));
    const { code, stderr } = await runCommand(
      "local",
      "--shard",
      dir,
      "--epochs",
      "1",
      "--out",
      `${dir}.safetensors`,
    );
    assertEquals(code, 1);
    assertStringIncludes(stderr, "block 0 of images.u8, got another");
  }));

Deno.test("Shard.open: a changed manifest or split code is refused even without verify", () =>
  withShard(async (dir) => {
    const splits = await Deno.readFile(`${dir}/split.u8`);
    await Deno.writeFile(`${dir}/split.u8`, splits.with(0, 2));
    await assertRejects(() => Shard.open(dir), RangeError, "two splits");
    await Deno.writeFile(`${dir}/split.u8`, splits.with(0, 7));
    await assertRejects(() => Shard.open(dir), RangeError, "impossible label or split");
    await Deno.writeFile(`${dir}/split.u8`, splits);
    const text = await Deno.readTextFile(`${dir}/manifest.json`);
    for (
      const [from, to, message] of [
        [`"version": 2`, `"version": 0`, "expected manifest version 1 or 2, got 0"],
        [`"lanczos3"`, `"nearest"`, "a wrong digest"],
        [`"count": 40`, `"count": 1e9`, "a wrong files.images.u8"],
        [`"size": 8`, `"size": -1`, "a wrong size"],
        [`"images": 20`, `"images": "20"`, "a wrong counts.train.images"],
        [`"names.txt"`, `"other.txt"`, "a wrong files.names.txt"],
        [`{`, ``, "in JSON, got other text"],
      ]
    ) {
      await Deno.writeTextFile(`${dir}/manifest.json`, text.replace(from, to));
      await assertRejects(() => Shard.open(dir), SyntaxError, message);
    }
    await Deno.writeTextFile(`${dir}/manifest.json`, text.replace("{", '{ "added": "by a later fedx",'));
    await Shard.open(dir);
  }));

Deno.test("ShardManifest.digest: follows pixels, labels and splits; names and place do not matter", () =>
  inFolder(async (parent) => {
    const make = async (name: string, change: (row: ShardRow) => ShardRow) => {
      const content = { size: SIZE, kernel: "lanczos3", salt: "fedx-1", rows: rows(12).map(change) };
      return (await writeShard(`${parent}/${name}`, content)).digest;
    };
    const plain = await make("a", (row) => row);
    assertEquals(await make("b", (row) => ({ ...row, name: "x" })), plain);
    assertNotEquals(await make("c", (row) => ({ ...row, label: 1 })), plain);
    assertNotEquals(await make("d", (row) => ({ ...row, split: "train" })), plain);
    assertNotEquals(
      await make("e", (row) => ({ ...row, pixels: row.pixels.with(0, row.pixels[0] ^ 1) })),
      plain,
    );
  }));
