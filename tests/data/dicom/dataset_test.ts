/** Files whose ends are odd, or whose data sets are far larger than they are. */
import { assertEquals, assertThrows } from "@std/assert";
import { deflateRawSync } from "node:zlib";
import { Dataset } from "../../../src/data/dicom/dataset.ts";
import { FilmDecoder } from "../../../src/data/dicom/film.ts";
import { DataError } from "../../../src/data/quarantine.ts";
import { joinChunks } from "../../../src/fed/wire/exchange.ts";
import { dicomFile } from "../../testing/dicom.ts";
import { ENCODED, encodedDicom } from "../../testing/encoded_dicom.ts";

const decoder = new FilmDecoder();
const pixels = Uint8Array.from({ length: 32 * 32 }, (_, i) => i % 251);
const REST = [[0, 0, 0], [0x20], [...new TextEncoder().encode("end of file")], Array(512).fill(0xff)];

Deno.test("parse: what is behind the pixels and no element is passed over", async () => {
  for (const film of [dicomFile({ pixels }), encodedDicom({ pixels, syntax: ENCODED[2] })]) {
    for (const rest of REST) {
      const decoded = await decoder.decode(joinChunks([film, Uint8Array.from(rest)]));
      assertEquals(decoded.pixels, pixels);
      assertEquals(decoded.header.patientId, "P1");
    }
  }
});

/** A film's data set deflated, with as many more bytes in it as are asked for. */
function deflated(more: number): Uint8Array {
  const whole = dicomFile({ pixels, syntax: "1.2.840.10008.1.2.1.99" });
  const meta = 132 + 12 + new DataView(whole.buffer).getUint32(140, true);
  const data = joinChunks([whole.subarray(meta), new Uint8Array(more)]);
  return joinChunks([whole.subarray(0, meta), deflateRawSync(data)]);
}

Deno.test("parse: a deflated data set is inflated to 64 times its file and 144 MB at most", () => {
  assertEquals(Dataset.parse(deflated(20_000)).text("x00100020"), "P1");
  assertThrows(() => Dataset.parse(deflated(1_000_000)), DataError, "over 64 times its size");
  // Bytes behind the deflated ones make the file large enough for 64 times to be no bound.
  const large = joinChunks([deflated(0), new Uint8Array(8e6)]);
  assertEquals(Dataset.parse(large).text("x00100020"), "P1");
  const bomb = joinChunks([deflated(300e6), new Uint8Array(8e6)]);
  assertThrows(() => Dataset.parse(bomb), DataError, "over 144777216 bytes");
});
