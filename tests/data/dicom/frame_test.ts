/** Frames as devices write them: in pieces, with bytes behind their end, of fewer bits than the header allocates. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FilmDecoder } from "../../../src/data/dicom/film.ts";
import { DataError } from "../../../src/data/quarantine.ts";
import { joinChunks } from "../../../src/fed/wire/exchange.ts";
import { dicomFile, type DicomOptions } from "../../testing/dicom.ts";
import { encapsulated, ENCODED, encodedDicom, encodedFrame } from "../../testing/encoded_dicom.ts";
import { seeded } from "../../testing/random.ts";

const SIDE = 40;
const random = seeded(3);
const PIXELS = Uint16Array.from(
  { length: SIDE * SIDE },
  (_, i) => 60 * (i % SIDE) + Math.floor(200 * random()),
);
const FILM = { width: SIDE, height: SIDE, bits: 12, pixels: PIXELS };
const decoder = new FilmDecoder();

const RLE = "1.2.840.10008.1.2.5";

for (const syntax of ENCODED) {
  const frame = encodedFrame({ ...FILM, syntax });
  const file = (...fragments: Uint8Array[]) =>
    joinChunks([
      dicomFile({ ...FILM, syntax, attributes: { "7fe0,0010": null } }),
      encapsulated(...fragments),
    ]);

  Deno.test(`decode: ${syntax} in three fragments`, async () => {
    const [a, b] = [2 * Math.floor(frame.length / 6), 2 * Math.floor(frame.length / 3)];
    const pieces = [frame.subarray(0, a), frame.subarray(a, b), frame.subarray(b)];
    const whole = await decoder.decode(file(frame));
    assertEquals((await decoder.decode(file(...pieces))).pixels, whole.pixels);
  });

  if (syntax === RLE) continue;
  const end = frame.findLastIndex((byte) => byte === 0xd9) + 1;

  Deno.test(`decode: ${syntax} with bytes behind its end`, async () => {
    const whole = await decoder.decode(file(frame));
    for (const behind of [[0x20], [0xff, 0xff], [0, 0, 0, 0], [0xd9, 1, 2, 3]]) {
      const longer = joinChunks([frame.subarray(0, end), Uint8Array.from(behind)]);
      assertEquals((await decoder.decode(file(longer))).pixels, whole.pixels);
    }
  });

  Deno.test(`decode: ${syntax} without its end is refused`, async () => {
    for (const length of [end - 2, end - 40, Math.floor(end * .6)]) {
      const error = await assertRejects(() => decoder.decode(file(frame.subarray(0, length))), DataError);
      assertEquals(error.reason, "truncated");
    }
  });
}

for (const syntax of ENCODED.filter((one) => one !== RLE)) {
  Deno.test(`decode: ${syntax} of 8 bits where the header allocates 16`, async () => {
    const pixels = Uint8Array.from(PIXELS, (value) => value >> 4);
    const narrow = { width: SIDE, height: SIDE, pixels, syntax };
    const wide: [string, number[]] = ["US", [16]];
    const { pixels: shown } = await decoder.decode(
      encodedDicom({ ...narrow, attributes: { "0028,0100": wide } }),
    );
    assertEquals(shown, pixels);
    assert(new Set(shown).size > 10);
  });
}

Deno.test("decode: a frame of more bits than the header allocates is refused", async () => {
  const narrow: [string, number[]] = ["US", [8]];
  const attributes = { "0028,0100": narrow, "0028,0101": narrow, "0028,0102": null };
  for (const syntax of ENCODED.filter((one) => one !== RLE)) {
    const error = await assertRejects(() => decoder.decode(encodedDicom({ ...FILM, syntax, attributes })));
    assert(
      error instanceof DataError && /at most 8 bits, got a frame of 1[26]/.test(error.message),
      `${error}`,
    );
  }
});

Deno.test("decode: JPEG 2000 within the boxes of a JP2 file", async () => {
  const syntax = "1.2.840.10008.1.2.4.90";
  const frame = encodedFrame({ ...FILM, syntax });
  const box = (type: string, content: string | Uint8Array) => {
    const bytes = typeof content === "string" ? Uint8Array.from(content, (c) => c.charCodeAt(0)) : content;
    const head = new DataView(new ArrayBuffer(8));
    head.setUint32(0, 8 + bytes.length);
    Array.from(type, (c, i) => head.setUint8(4 + i, c.charCodeAt(0)));
    return joinChunks([new Uint8Array(head.buffer), bytes]);
  };
  const boxes = [
    ...[box("jP  ", "\r\n\x87\n"), box("ftyp", "jp2 \0\0\0\0jp2 "), box("jp2h", "\0".repeat(30))],
    box("jp2c", frame),
  ];
  const header = dicomFile({ ...FILM, syntax, attributes: { "7fe0,0010": null } });
  const plain = await decoder.decode(joinChunks([header, encapsulated(frame)]));
  const boxed = await decoder.decode(joinChunks([header, encapsulated(joinChunks(boxes))]));
  assertEquals(boxed.pixels, plain.pixels);
});

Deno.test("decode: values that a lossy coding has made brighter than white stay white; others' bits above are no part of them", async () => {
  const pixels = Uint16Array.from({ length: SIDE * SIDE }, (_, i) => i % 2 === 0 ? 4200 : 0);
  const frame = encodedFrame({
    width: SIDE,
    height: SIDE,
    bits: 16,
    pixels,
    syntax: "1.2.840.10008.1.2.4.90",
  });
  const shown = async (syntax: string, more: DicomOptions["attributes"] = {}) => {
    const attributes: DicomOptions["attributes"] = {
      ...{ "0028,1050": ["DS", "2048"], "0028,1051": ["DS", "4096"], "7fe0,0010": null },
      ...more,
    };
    const header = dicomFile({ width: SIDE, height: SIDE, bits: 12, syntax, attributes });
    return (await decoder.decode(joinChunks([header, encapsulated(frame)]))).pixels.slice(0, 2);
  };
  const [lossless, lossy] = ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"];
  assertEquals([...await shown(lossy)], [255, 0]);
  assertEquals([...await shown(lossless)], [6, 0]); // 4200 - 4096 of 4095
  assertEquals([...await shown(lossy, { "6000,0102": ["US", [12]] })], [6, 0]);
});
