/** JPEG 2000 at a lower resolution: what an independent decoder reads there, and which films are decoded whole. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { resizeGrey } from "../../../src/data/decode.ts";
import { Dataset, PIXELS } from "../../../src/data/dicom/dataset.ts";
import { FilmDecoder } from "../../../src/data/dicom/film.ts";
import { pixelShape } from "../../../src/data/dicom/pixel_shape.ts";
import { halvingsOf } from "../../../src/data/dicom/resolution.ts";
import { FilmReader } from "../../../src/data/film_reader.ts";
import { DataError } from "../../../src/data/quarantine.ts";
import { filmOf, noiseOf } from "../../testing/dicom_archive.ts";
import { joinChunks } from "../../../src/fed/wire/exchange.ts";
import { dicomFile, type DicomOptions } from "../../testing/dicom.ts";
import { encapsulated, ENCODED, encodedDicom, encodedFrame } from "../../testing/encoded_dicom.ts";
import { inFolder } from "../../testing/folder.ts";

const FIXTURES = fileURLToPath(new URL("./fixtures/", import.meta.url));
/** Of each film of 67 rows and 83 columns, 12 bits and three levels: its stored values after one and after two halvings. */
const { levels }: { levels: Record<string, number[][]> } = JSON.parse(
  await Deno.readTextFile(new URL("./golden.json", import.meta.url)),
);
const SIZES = [[67, 83], [34, 42], [17, 21], [9, 11]];
const decoder = new FilmDecoder();
const read = (name: string) => Deno.readFile(`${FIXTURES}${name}.dcm`);
const JPEG_2000 = "1.2.840.10008.1.2.4.90";

/** The stored values of a fixture, and their rows and columns. */
async function stored(name: string, side?: number) {
  const { codes, shape: { rows, columns } } = await decoder.stored(Dataset.parse(await read(name)), { side });
  return { values: Array.from(codes), size: [rows, columns] };
}

function apart(a: ArrayLike<number>, b: ArrayLike<number>): { most: number; mean: number } {
  assertEquals(a.length, b.length);
  const all = Array.from(a, (value, i) => Math.abs(value - b[i]));
  return {
    most: all.reduce((most, one) => Math.max(most, one)),
    mean: all.reduce((sum, one) => sum + one) / all.length,
  };
}

for (const [name, golden] of Object.entries(levels)) {
  const lossy = name.endsWith("91");
  Deno.test(`stored: ${name} has the values that Pillow reads at each level${lossy ? ", to one" : ""}`, async () => {
    for (const [i, expected] of golden.entries()) {
      const { values, size } = await stored(name, SIZES[i + 1][0]);
      assertEquals(size, SIZES[i + 1]);
      assert(apart(values, expected).most <= Number(lossy));
    }
  });

  Deno.test(`stored: ${name} is decoded at the lowest level that has the side asked for, and whole where none has`, async () => {
    for (const [side, halvings] of [[68, 0], [35, 0], [34, 1], [18, 1], [17, 2], [9, 3], [1, 3]]) {
      assertEquals((await stored(name, side)).size, SIZES[halvings], `${side}`);
    }
    assertEquals((await stored(name, 68)).values, (await stored(name)).values);
  });
}

Deno.test("decode: the grey chain runs on the lower resolution, whose width and height are the film's", async () => {
  const whole = await decoder.decode(await read("levels-90"));
  const reduced = await decoder.decode(await read("levels-90"), { side: 34 });
  assertEquals([whole.width, whole.height, reduced.width, reduced.height], [83, 67, 42, 34]);
  assertEquals([reduced.pixels.length, reduced.windowing, reduced.header], [
    34 * 42,
    whole.windowing,
    whole.header,
  ]);
  assert(new Set(reduced.pixels).size > 100);
});

Deno.test("decode: films of every other syntax are the same with a side as without", async () => {
  const names = ["deep", "deep-80", "deep-70", "deep-rle", "deep-201", "signed-deep-201", "byte-50"];
  for (const name of names) {
    const file = await read(name);
    assertEquals(await decoder.decode(file, { side: 2 }), await decoder.decode(file), name);
  }
});

Deno.test("decode: films of signed values, of bytes and of 16 bits have a lower resolution too", async () => {
  for (const name of ["signed-deep-90", "byte-90", "wide-91"]) {
    const [whole, reduced] = [
      await decoder.decode(await read(name)),
      await decoder.decode(await read(name), {
        side: 12,
      }),
    ];
    assertEquals([reduced.width, reduced.height], [18, 12], name);
    const mean = (pixels: Uint8Array) => pixels.reduce((sum, one) => sum + one, 0) / pixels.length;
    assert(Math.abs(mean(reduced.pixels) - mean(whole.pixels)) < 4, name);
  }
});

/** The codestream of a fixture with some of its bytes changed, and how often it may be halved. */
async function halvings(change: (frame: Uint8Array, view: DataView) => void, more = {}): Promise<number> {
  const set = Dataset.parse(await read("levels-90"));
  const frame = set.fragments(PIXELS)![0].slice();
  change(frame, new DataView(frame.buffer));
  return halvingsOf(frame, { shape: { ...pixelShape(set), ...more }, side: 8 });
}

const START_OF_TILE = [0xff, 0x90];
const tileAt = (frame: Uint8Array) =>
  frame.findIndex((_, i) => START_OF_TILE.every((b, j) => frame[i + j] === b));

Deno.test("halvingsOf: what is no plain image of grey values alone is decoded whole", async () => {
  const none = () => {};
  assertEquals(await halvings(none), 3);
  for (
    const [why, change, more] of [
      ["another sign than the header's", none, { signed: true }],
      ["signed bytes", (frame) => void (frame[42] = 0x87), { signed: true }],
      ["an offset", (_, view) => view.setUint32(16, 1)],
      ["an offset below", (_, view) => view.setUint32(20, 1)],
      ["steps between samples", (frame) => void (frame[43] = 2)],
      ["steps between rows", (frame) => void (frame[44] = 2)],
      ["a tile that is missing", (_, view) => view.setUint32(24, 42)],
      ["no tile", (frame) => void frame.set([0xff, 0xd9], tileAt(frame))],
      ["no coding style", (frame) => void (frame[46] = 0x64)],
      ["a marker beyond the end", (_, view) => view.setUint16(47, 0xffff)],
      ["a tile beyond the end", (frame, view) => view.setUint32(tileAt(frame) + 6, 0x7fffffff)],
    ] as [string, (frame: Uint8Array, view: DataView) => void, object?][]
  ) assertEquals(await halvings(change, more), 0, why);
});

Deno.test("halvingsOf: the tile of fewest levels decides, and the last tile may leave out its length", async () => {
  assertEquals(await halvings((frame) => void (frame[54] = 1)), 1);
  assertEquals(await halvings((frame, view) => view.setUint32(tileAt(frame) + 6, 0)), 3);
});

Deno.test("decode: a film with padding is decoded whole, so that no grey value is a mean of it", async () => {
  const pixels = new Uint16Array(64 * 64).fill(1000);
  for (let i = 0; i < pixels.length; i++) if (i % 64 < 5) pixels[i] = 4095;
  const file = encodedDicom({
    ...{ width: 64, height: 64, bits: 12, pixels, syntax: JPEG_2000 },
    attributes: {
      "0028,0120": ["US", [4095]],
      "0028,1050": ["DS", "2048"],
      "0028,1051": ["DS", "4096"],
    },
  });
  const film = await decoder.decode(file, { side: 16 });
  assertEquals([film.width, new Set(film.pixels)], [64, new Set([0, 62])]);
});

Deno.test("decode: no film is read past its end at a lower resolution, however short the file", async () => {
  for (const name of Object.keys(levels)) {
    const whole = await read(name);
    // What stands behind the codestream's end is not needed.
    for (let length = 0; length < whole.length - 12; length += 61) {
      await assertRejects(() => decoder.decode(whole.slice(0, length), { side: 17 }), DataError);
    }
    assertEquals((await decoder.decode(whole, { side: 17 })).width, 21);
  }
});

Deno.test("decode: a film with an overlay in its pixels' own bits is decoded whole, so that none is mixed in", async () => {
  const pixels = Uint16Array.from({ length: 64 * 64 }, (_, i) => 1000 + (i % 3 === 0 ? 0x8000 : 0));
  const frame = encodedFrame({ width: 64, height: 64, bits: 16, pixels, syntax: JPEG_2000 });
  const film = (position: number) => {
    const attributes: DicomOptions["attributes"] = {
      ...{ "0028,1050": ["DS", "2048"], "0028,1051": ["DS", "4096"] },
      ...{ "6002,0102": ["US", [position]], "7fe0,0010": null },
    };
    const header = dicomFile({ width: 64, height: 64, bits: 12, syntax: JPEG_2000, attributes });
    return decoder.decode(joinChunks([header, encapsulated(frame)]), { side: 16 });
  };
  const { width, pixels: shown } = await film(15);
  assertEquals([width, new Set(shown)], [64, new Set([62])]);
  assertEquals((await film(0)).width, 16); // a plane of its own lies elsewhere
});

Deno.test("decode: what a filter makes brighter than white, where the frame has more bits than the film, stays white", async () => {
  const white = Uint16Array.from({ length: 64 * 64 }, (_, i) => i % 64 > 20 && i % 64 < 40 ? 4095 : 0);
  const frame = encodedFrame({ width: 64, height: 64, bits: 16, pixels: white, syntax: JPEG_2000 });
  const header = dicomFile({
    ...{ width: 64, height: 64, bits: 12, syntax: JPEG_2000 },
    attributes: { "0028,1050": ["DS", "2048"], "0028,1051": ["DS", "4096"], "7fe0,0010": null },
  });
  const { width, pixels } = await decoder.decode(joinChunks([header, encapsulated(frame)]), { side: 16 });
  assertEquals(width, 16);
  const row = Array.from(pixels.subarray(0, 16));
  assertEquals([row.slice(0, 4), row.slice(6, 9), row.slice(12)], [
    [0, 0, 0, 0],
    [255, 255, 255],
    [0, 0, 0, 0],
  ]);
});

Deno.test("decode: levels of which the decoder has none, and blocks that would take too much memory, are refused", async () => {
  const file = await read("levels-90");
  const style = (bytes: Uint8Array) =>
    bytes.findIndex((_, i) => bytes[i] === 0xff && bytes[i + 1] === 0x52 && bytes[i + 2] === 0);
  file[style(file) + 9] = 40;
  const error = await assertRejects(() => decoder.decode(file, { side: 17 }), DataError);
  assertEquals(error.reason, "truncated");
  const side = 1024, film = filmOf(0, { side, noise: noiseOf(side, 50), ill: false });
  const plain = encodedFrame({ ...film, syntax: JPEG_2000 }), at = style(plain);
  const count = plain[at + 9] + 1; // precincts of 2 × 2, of which each level has a size
  const frame = joinChunks([
    plain.subarray(0, at + 14),
    new Uint8Array(count).fill(0x11),
    plain.subarray(at + 14),
  ]);
  frame[at + 3] += count;
  frame[at + 4] |= 1;
  const header = dicomFile({
    ...film,
    syntax: JPEG_2000,
    attributes: { ...film.attributes, "7fe0,0010": null },
  });
  const crowded = joinChunks([header, encapsulated(frame)]);
  const peak = () => Number(/VmHWM:\s*(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))![1]) / 1024;
  const before = peak();
  await assertRejects(() => decoder.decode(crowded, { side: 256 }), DataError);
  assert(peak() - before < 200, `${peak() - before} MB`);
});

Deno.test("read: a film's pixels from the lower resolution are those from the whole film to a few levels", () =>
  inFolder(async (dir) => {
    const side = 512, size = 64;
    const film = filmOf(1, { side, noise: noiseOf(side, 50), ill: true });
    await Deno.writeFile(`${dir}/film`, encodedDicom({ ...film, syntax: JPEG_2000 }));
    const { width } = await decoder.decode(await Deno.readFile(`${dir}/film`), { side: 2 * size });
    assertEquals(width, 128);
    using reader = new FilmReader();
    const [full, reduced] = await Promise.all(
      (["full", "reduced"] as const).map((jpeg2000) => reader.read(`${dir}/film`, { size, jpeg2000 })),
    );
    const { most, mean } = apart(full.pixels, reduced.pixels);
    console.log(`drawn film: at most ${most}, in the mean ${mean.toFixed(2)}`);
    assert(most > 0 && most <= 8 && mean <= 1, `${most} ${mean}`);
    assertEquals(reduced.dicom, full.dicom);
  }));

Deno.test("read: the fixtures' pixels from the lower resolution beside those from the whole film", async () => {
  for (const name of Object.keys(levels)) {
    const [whole, reduced] = await Promise.all([{}, { side: 16 }].map(async (options) => {
      const film = await decoder.decode(await read(name), options);
      return await resizeGrey(film, { size: 8 });
    }));
    const { most, mean } = apart(whole, reduced);
    console.log(`${name}: at most ${most}, in the mean ${mean.toFixed(2)}`);
    assert(most > 0 && most <= 20 && mean <= 6, `${name} ${most} ${mean}`);
  }
});

Deno.test("read: every lossless syntax of one film gives the same pixels but JPEG 2000 at a lower resolution", () =>
  inFolder(async (dir) => {
    using reader = new FilmReader();
    const film = filmOf(0, { side: 128, noise: noiseOf(128, 50), ill: false });
    const read = async (syntax: (typeof ENCODED)[number], jpeg2000: "full" | "reduced") => {
      await Deno.writeFile(`${dir}/${syntax}`, encodedDicom({ ...film, syntax }));
      return (await reader.read(`${dir}/${syntax}`, { size: 32, jpeg2000 })).pixels;
    };
    const full = await read(ENCODED[0], "full");
    for (const syntax of ENCODED) {
      assertEquals(await read(syntax, "full"), full, syntax);
      assertEquals(apart(await read(syntax, "reduced"), full).most > 0, syntax === JPEG_2000, syntax);
    }
  }));
