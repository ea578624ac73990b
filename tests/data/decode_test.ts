import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { decodeImage } from "../../src/data/decode.ts";
import { DataError, type QuarantineReason } from "../../src/data/quarantine.ts";
import { encodePng, loadSharp } from "../../src/data/sharp.ts";
import { seeded } from "../testing/random.ts";

const random = seeded(5);
/** A smooth film with some grain, (64, 64) u8. */
const FILM = Uint8Array.from(
  { length: 64 * 64 },
  (_, i) => 100 + 60 * Math.sin(i / 500) + 40 * Math.cos((i % 64) / 9) + 20 * random(),
);

async function encode(
  pixels: Uint8Array | Uint16Array,
  o: { width: number; channels: 1 | 2 | 3 | 4; space: string; format?: "png" | "jpeg" | "webp" | "tiff" },
): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const height = pixels.length / o.width / o.channels;
  const image = sharp(pixels, { raw: { width: o.width, height, channels: o.channels } }).toColourspace(
    o.space,
  );
  return new Uint8Array(
    await image.toFormat(o.format ?? "png", o.format === "jpeg" ? { quality: 95 } : {}).toBuffer(),
  );
}

const repeat = (channels: number, alpha?: number) =>
  Uint8Array.from({ length: FILM.length * channels }, (_, i) => {
    const last = alpha !== undefined && i % channels === channels - 1;
    return last ? alpha : FILM[Math.floor(i / channels)];
  });

Deno.test("decodeImage: 8-bit grey, RGB, RGBA and 16-bit grey and RGB PNG of one film give its exact pixels", async () => {
  const deep = (channels: number) =>
    Uint16Array.from({ length: FILM.length * channels }, (_, i) => FILM[Math.floor(i / channels)] * 257);
  const files = [
    await encodePng(FILM, 64),
    await encode(repeat(3), { width: 64, channels: 3, space: "srgb" }),
    await encode(repeat(4, 255), { width: 64, channels: 4, space: "srgb" }),
    await encode(repeat(2, 255), { width: 64, channels: 2, space: "b-w" }),
    await encode(deep(1), { width: 64, channels: 1, space: "grey16" }),
    await encode(deep(3), { width: 64, channels: 3, space: "rgb16" }),
  ];
  for (const file of files) assertEquals(await decodeImage(file, { size: 64 }), FILM);
});

Deno.test("decodeImage: 16-bit grey becomes the nearest of 256: 0, 32768, 65535 and 400 become 0, 128, 255 and 2", async () => {
  const values = Uint16Array.from({ length: 64 * 64 }, (_, i) => [0, 32768, 65535, 400][i % 4]);
  const file = await encode(values, { width: 64, channels: 1, space: "grey16" });
  assertEquals([...(await decodeImage(file, { size: 64 })).subarray(0, 4)], [0, 128, 255, 2]);
});

Deno.test("decodeImage: a 16-bit film resized differs from the 8-bit one by rounding only", async () => {
  const deep = await encode(Uint16Array.from(FILM, (p) => p * 257), {
    width: 64,
    channels: 1,
    space: "grey16",
  });
  const [a, b] = [
    await decodeImage(deep, { size: 24 }),
    await decodeImage(await encodePng(FILM, 64), { size: 24 }),
  ];
  assert(a.every((p, i) => Math.abs(p - b[i]) <= 1));
});

Deno.test("decodeImage: downscaling is antialiased: one-pixel stripes become even grey", async () => {
  const stripes = Uint8Array.from({ length: 128 * 128 }, (_, i) => i % 2 ? 255 : 0);
  const film = await decodeImage(await encodePng(stripes, 128), { size: 32 });
  for (let i = 0; i < film.length; i++) {
    const x = i % 32;
    if (x > 2 && x < 29) assert(Math.abs(film[i] - 127.5) < 8, `${film[i]} at ${i}`);
  }
});

Deno.test("decodeImage: JPEG passes through the same filter as PNG, also when much larger than the film", async () => {
  // Fine detail and a side that is no multiple: a JPEG that is shrunk while it loads gives other pixels.
  const side = 509, random = seeded(1);
  const large = Uint8Array.from(
    { length: side * side },
    (_, i) => (i % side) / 4 + Math.floor(120 * random()),
  );
  const jpeg = await encode(large, { width: side, channels: 1, space: "b-w", format: "jpeg" });
  const png = await encodePng(await decodeImage(jpeg, { size: side }), side);
  for (const size of [16, 64, 128, 200]) {
    assertEquals(await decodeImage(jpeg, { size }), await decodeImage(png, { size }), String(size));
  }
});

Deno.test("decodeImage: a film that is not square is stretched to fill", async () => {
  const wide = Uint8Array.from({ length: 128 * 32 }, (_, i) => i % 128 < 64 ? 0 : 200);
  const film = await decodeImage(await encode(wide, { width: 128, channels: 1, space: "b-w" }), { size: 16 });
  assertEquals([film[0], film[3], film[12], film[255]], [0, 0, 200, 200]);
});

Deno.test("decodeImage: what is transparent is black", async () => {
  const file = await encode(repeat(4, 0), { width: 64, channels: 4, space: "srgb" });
  assertEquals(await decodeImage(file, { size: 16 }), new Uint8Array(256));
});

Deno.test("decodeImage: every unusable file has its reason", async () => {
  const png = await encodePng(FILM, 64);
  const jpeg = await encode(FILM, { width: 64, channels: 1, space: "b-w", format: "jpeg" });
  const huge = png.slice();
  const header = new DataView(huge.buffer);
  header.setUint32(16, 60000);
  header.setUint32(20, 60000);
  header.setUint32(29, crc32(huge.subarray(12, 29)));
  const text = (s: string) => new TextEncoder().encode(s);
  const files: [string | Uint8Array, QuarantineReason][] = [
    ["/nowhere/film.png", "missing_file"],
    [new Uint8Array(), "truncated"],
    [png.subarray(0, png.length / 2), "truncated"],
    [jpeg.subarray(0, jpeg.length / 2), "truncated"],
    [png.subarray(0, 12), "truncated"],
    [png.with(png.length >> 1, png[png.length >> 1] ^ 4), "truncated"],
    [huge, "too_large"],
    [await encodePng(new Uint8Array(15 * 15), 15), "too_small"],
    [await encode(new Uint8Array(129 * 16), { width: 129, channels: 1, space: "b-w" }), "too_small"],
    [await encode(new Uint8Array(129 * 16), { width: 16, channels: 1, space: "b-w" }), "too_small"],
    ["/dev/zero", "missing_file"],
    [text("hello"), "not_an_image"],
    [text(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`), "not_an_image"],
    [await encode(FILM, { width: 64, channels: 1, space: "b-w", format: "webp" }), "not_an_image"],
    [await encode(FILM, { width: 64, channels: 1, space: "b-w", format: "tiff" }), "not_an_image"],
  ];
  for (const [i, [file, reason]] of files.entries()) {
    const error = await assertRejects(() => decodeImage(file, { size: 64 }), DataError);
    assertEquals([i, error.reason], [i, reason]);
  }
});

Deno.test("loadSharp: other formats than PNG and JPEG are refused even without the check of first bytes", async () => {
  const sharp = await loadSharp();
  const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`);
  await assertRejects(() => sharp(svg).raw().toBuffer());
});
