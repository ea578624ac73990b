import { assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Pool } from "../../src/data/pool.ts";
import { kernelOf } from "../../src/kernel.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { LoadedPool, predict } from "../../src/model/predictor.ts";
import { TfjsPredictor } from "../../src/model/tfjs/predictor.ts";
import { preprocessingOf } from "../../src/model/weights/model_file.ts";
import { films, vectorOf } from "../golden/model.ts";

const SIZE = 32, KINDS = 4, COUNT = 600;
const layout = layoutOf("efficientnet_b0", { channels: 1 });
const metadata = {
  network: "efficientnet_b0" as const,
  size: SIZE,
  channels: 1 as const,
  preprocessing: preprocessingOf(1),
};
const predictor = await TfjsPredictor.create({ vector: vectorOf(layout), layout, metadata });

/** Films of four kinds in turn, in blocks of 100. */
function poolOf(size = SIZE, kernel = kernelOf("full")): Pool {
  const kinds = films(KINDS, size), image = size * size;
  const rows = Uint32Array.from({ length: COUNT }, (_, row) => row);
  const pixels = new Uint8Array(COUNT * image);
  for (const row of rows) {
    pixels.set(kinds.subarray(row % KINDS * image, (row % KINDS + 1) * image), row * image);
  }
  return {
    name: "shard-a",
    size,
    kernel,
    count: COUNT,
    rows: { train: rows, val: rows, test: rows },
    labels: Uint8Array.from(rows, (row) => row % 2),
    patients: rows.map((row) => row + 7),
    async *pixelBlocks() {
      for (let first = 0; first < COUNT; first += 100) {
        yield { first, pixels: pixels.slice(first * image, (first + 100) * image) };
      }
    },
  };
}

Deno.test("LoadedPool.predict gives every row its logit, label and patient, beyond one chunk too", async () => {
  using loaded = await LoadedPool.load(predictor, poolOf());
  const rows = Uint32Array.from({ length: 550 }, (_, i) => 599 - i);
  const { logits, labels, patients, strata } = await loaded.predict(predictor, rows);
  const want = await predict(predictor, films(KINDS, SIZE));
  rows.forEach((row, i) => assertAlmostEquals(logits[i], want[row % KINDS], 1e-5));
  assertEquals(labels, Uint8Array.from(rows, (row) => row % 2));
  assertEquals(patients, rows.map((row) => row + 7));
  assertEquals(strata, undefined);
});

Deno.test("LoadedPool.predict names each row's stratum where there are several shards", async () => {
  const pool = { ...poolOf(), strata: Uint32Array.from({ length: COUNT }, (_, row) => row < 300 ? 0 : 1) };
  using loaded = await LoadedPool.load(predictor, pool);
  assertEquals(
    (await loaded.predict(predictor, Uint32Array.of(299, 300, 0))).strata,
    Uint32Array.of(0, 1, 0),
  );
});

Deno.test("LoadedPool.predict stops between chunks once the signal is aborted", async () => {
  using loaded = await LoadedPool.load(predictor, poolOf());
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 0);
  const all = loaded.predict(predictor, loaded.pool.rows.test, controller);
  await assertRejects(() => all, DOMException, "aborted");
});

Deno.test("LoadedPool.load refuses films of another size with the command that makes the right ones", async () => {
  const load = () => LoadedPool.load(predictor, poolOf(64));
  await assertRejects(
    load,
    Error,
    "Cannot score shard-a: expected films of 32 px, got 64; run `fedx prepare --size 32",
  );
});

Deno.test("LoadedPool.load refuses films of another kernel with the command that makes the right ones", async () => {
  const reduced = kernelOf("reduced");
  const text = (wanted: string, got: string) =>
    `Cannot score shard-a: expected films of kernel ${wanted}, got ${got}`;
  const load = () => LoadedPool.load(predictor, poolOf(SIZE, reduced));
  const error = await assertRejects(load, Error, text("lanczos3", reduced));
  assertMatch(error.message, /`fedx prepare --size 32 …`/);
  const trained = { ...metadata, preprocessing: preprocessingOf(1, { kernel: reduced }) };
  using other = await TfjsPredictor.create({ vector: vectorOf(layout), layout, metadata: trained });
  const other32 = await assertRejects(
    () => LoadedPool.load(other, poolOf()),
    Error,
    text(reduced, "lanczos3"),
  );
  assertMatch(other32.message, /`fedx prepare --size 32 --jpeg2000 reduced …`/);
});

Deno.test("LoadedPool.load frees the films when a shard cannot be read", async () => {
  let freed = 0;
  const films = { put: () => Promise.resolve(), [Symbol.dispose]: () => void freed++ };
  const holder = {
    size: SIZE,
    kernel: kernelOf("full"),
    films: () => Promise.resolve(films),
    [Symbol.dispose]: () => {},
  };
  const torn = {
    ...poolOf(),
    // deno-lint-ignore require-yield
    async *pixelBlocks(): AsyncGenerator<never> {
      throw new Error("torn");
    },
  };
  await assertRejects(() => LoadedPool.load(holder, torn), Error, "torn");
  assertEquals(freed, 1);
});
