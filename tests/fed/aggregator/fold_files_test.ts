import { assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { fold, scaleFor } from "../../../src/fed/maths/exact_sum.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { foldFiles, type StagedUpdate, type VectorFile } from "../../../src/fed/aggregator/fold_files.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { inFolder } from "../../testing/folder.ts";
import { layoutWith, vectorWith } from "../../testing/measured_roles.ts";

const layout = layoutOf("efficientnet_b0", { channels: 1 });
const COUNTS = [1500, 700, 33];

function bytesOf(values: Float32Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
}

function sha256(values: Float32Array): string {
  return createHash("sha256").update(bytesOf(values)).digest("hex");
}

/** Writes a vector to a file. */
async function staged(path: string, values: Float32Array): Promise<VectorFile> {
  await Deno.writeFile(path, bytesOf(values));
  return { path, sha256: sha256(values) };
}

/** A base and three updates, in memory and in files. */
async function stage(dir: string) {
  const wave = (k: number) =>
    Float32Array.from({ length: layout.length }, (_, i) => Math.sin(i * (k + 1)) * 1e-3);
  const base = wave(7);
  const deltas = COUNTS.map((examples, k) => ({ values: wave(k), examples }));
  const updates: StagedUpdate[] = [];
  for (const [k, { values, examples }] of deltas.entries()) {
    updates.push({ ...await staged(`${dir}/1-${k}.f32`, values), examples });
  }
  const file = await staged(`${dir}/0.f32`, base);
  const options = { base: file, layout, scale: scaleFor(2233), out: `${dir}/1.f32.tmp` };
  return { base, deltas, updates, options };
}

Deno.test("foldFiles: equals fold() in memory bit for bit, in any order", async () => {
  await inFolder(async (dir) => {
    const { base, deltas, updates, options } = await stage(dir);
    const expected = fold(base, deltas, options);
    const result = await foldFiles(updates, options);
    assertEquals(result.sha256, sha256(expected));
    const written = await Deno.readFile(options.out);
    assertEquals(createHash("sha256").update(written).digest("hex"), result.sha256);
    assertEquals(await foldFiles(updates.toReversed(), options), result);
  });
});

Deno.test("foldFiles: thirty updates are read in smaller stretches, with the same bits", async () => {
  await inFolder(async (dir) => {
    const layout = layoutWith(200_000), base = vectorWith(layout.length, 1);
    const deltas = Array.from({ length: 30 }, (_, k) => ({
      values: vectorWith(layout.length, 0.01 * (k + 1)),
      examples: 10 + k,
    }));
    const updates: StagedUpdate[] = [];
    for (const [k, { values, examples }] of deltas.entries()) {
      updates.push({ ...await staged(`${dir}/${k}`, values), examples });
    }
    let stretches = 0;
    const options = {
      base: await staged(`${dir}/base`, base),
      layout,
      scale: scaleFor(735),
      out: `${dir}/out`,
      onStretch: () => void stretches++,
    };
    const result = await foldFiles(updates, options);
    assertEquals(result.sha256, sha256(fold(base, deltas, options)));
    assertEquals(stretches, 4, "65,536 values of each at a time");
  });
});

Deno.test("foldFiles: without an update the vector is the base again, and a base that is not the one agreed on is refused", async () => {
  await inFolder(async (dir) => {
    const { base, options } = await stage(dir);
    assertEquals(await foldFiles([], options), { sha256: sha256(base), crc32: crc32(bytesOf(base)) });
    assertEquals(await Deno.readFile(options.out), bytesOf(base));
    const other = { ...options.base, sha256: "0".repeat(64) };
    await assertRejects(() => foldFiles([], { ...options, base: other }), ProtocolError, "SHA-256");
  });
});

Deno.test("foldFiles: a damaged, short or missing file is refused", async () => {
  await inFolder(async (dir) => {
    const { updates, options } = await stage(dir);
    const file = await Deno.open(updates[1].path, { write: true });
    await file.write(Uint8Array.of(7));
    file.close();
    const error = await assertRejects(() => foldFiles(updates, options), ProtocolError, "SHA-256");
    assertEquals(error.code, "damaged_state");
    await Deno.truncate(updates[1].path, 100);
    await assertRejects(() => foldFiles(updates, options), ProtocolError, "got 100");
    await Deno.remove(updates[1].path);
    await assertRejects(() => foldFiles(updates, options), ProtocolError, "got no file");
  });
});

Deno.test("foldFiles: a file whose CRC-32 is known is checked by it alone, and refused where it is damaged", async () => {
  await inFolder(async (dir) => {
    const { base, deltas, updates, options } = await stage(dir);
    const known = updates.map((one, k) => ({ ...one, crc32: crc32(bytesOf(deltas[k].values)), sha256: "" }));
    const start = { ...options.base, crc32: crc32(bytesOf(base)), sha256: "" };
    const result = await foldFiles(known, { ...options, base: start });
    assertEquals(result.sha256, sha256(fold(base, deltas, options)));
    assertEquals(result.crc32, crc32(await Deno.readFile(options.out)));
    for (const { path } of [known[1], start]) {
      const whole = await Deno.readFile(path);
      await Deno.writeFile(path, whole.with(5000, whole[5000] ^ 1));
      const refused = () => foldFiles(known, { ...options, base: start });
      const error = await assertRejects(refused, ProtocolError, "CRC-32");
      assertEquals(error.code, "damaged_state");
      await Deno.writeFile(path, whole);
    }
  });
});

Deno.test("foldFiles: a base that is not the one agreed on is refused, naming it", async () => {
  await inFolder(async (dir) => {
    const { updates, options } = await stage(dir);
    const base = { ...options.base, what: "the model of round 3" };
    using bytes = await Deno.open(base.path, { write: true });
    await bytes.seek(4 * 1000, Deno.SeekMode.Start);
    await bytes.write(Uint8Array.of(1));
    const error = await assertRejects(
      () => foldFiles(updates, { ...options, base }),
      ProtocolError,
      "of the model of round 3",
    );
    assertEquals(error.code, "damaged_state");
  });
});

Deno.test("foldFiles: a NaN in a staged file is refused naming its tensor", async () => {
  await inFolder(async (dir) => {
    const { updates, options } = await stage(dir);
    const tensor = layout.tensors.at(-1)!;
    const values = new Float32Array(layout.length);
    values[tensor.offset] = NaN;
    await Deno.writeFile(updates[0].path, bytesOf(values));
    const error = await assertRejects(() => foldFiles(updates, options), ProtocolError, tensor.name);
    assertEquals(error.code, "out_of_range");
  });
});
