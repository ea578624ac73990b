/** Texts of DICOM files in the character sets that they name. */
import { assertEquals } from "@std/assert";
import { Dataset } from "../../../src/data/dicom/dataset.ts";
import { dicomFile } from "../../testing/dicom.ts";

/** The bytes of a text as a file has them, one code point each. */
const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** What is read of a PatientID whose bytes are given, under a SpecificCharacterSet. */
function read(set: string, bytes: string): string {
  const file = dicomFile({ attributes: { "0008,0005": ["CS", set], "0010,0020": ["LO", "#".repeat(8)] } });
  const at = file.findIndex((_, i) => file.subarray(i, i + 8).every((byte) => byte === 0x23));
  file.fill(0x20, at, at + 8);
  file.set(latin1(bytes), at);
  return Dataset.parse(file).text("x00100020");
}

for (
  const [set, bytes, text] of [
    ["", "M\xfc", "Mü"],
    ["ISO_IR 100", "M\xfc", "Mü"],
    ["ISO_IR 101", "\xa3\xf3d\xbc", "Łódź"],
    ["ISO_IR 144", "\xb8\xd2\xd0\xdd", "Иван"],
    ["ISO_IR 192", "M\xc3\xbc", "Mü"],
    ["GB18030", "\xcd\xf5", "王"],
    ["\\ISO 2022 IR 87", "\x1b$B;3\x1b(B", "山"],
    ["ISO 2022 IR 100\\ISO 2022 IR 126", "\xc1\xe8", "Αθ"],
  ]
) {
  Deno.test(`text: ${JSON.stringify(set)} reads ${text}`, () => assertEquals(read(set, bytes), text));
}

for (const set of ["ISO 9999", "constructor", "__proto__", "toString\\valueOf", "\\\\\\"]) {
  Deno.test(`text: the unknown set ${set} reads as Latin-1`, () => assertEquals(read(set, "\xd8-7"), "Ø-7"));
}
