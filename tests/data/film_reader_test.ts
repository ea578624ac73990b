/** One film as PNG and as DICOM, and what DICOM tells beside the pixels. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FilmReader } from "../../src/data/film_reader.ts";
import { DataError, type QuarantineReason } from "../../src/data/quarantine.ts";
import { encodePng } from "../../src/data/sharp.ts";
import { dicomFile, type DicomOptions, item } from "../testing/dicom.ts";
import { inFolder } from "../testing/folder.ts";
import { seeded } from "../testing/random.ts";

const SIDE = 96;
const random = seeded(1);
const FILM = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => (i % SIDE) * 2 + Math.floor(60 * random()));

Deno.test("read: a film as PNG and as DICOM of 8 and of 12 bits gives the same levels to one", () =>
  inFolder(async (dir) => {
    const deep = Uint16Array.from(FILM, (level) => Math.round(level * 4095 / 255));
    const window = {
      "0028,1050": ["DS", "2048"],
      "0028,1051": ["DS", "4096"],
    } satisfies DicomOptions["attributes"];
    await Deno.writeFile(`${dir}/png`, await encodePng(FILM, SIDE));
    await Deno.writeFile(`${dir}/8`, dicomFile({ width: SIDE, height: SIDE, pixels: FILM }));
    await Deno.writeFile(
      `${dir}/12`,
      dicomFile({ width: SIDE, height: SIDE, pixels: deep, bits: 12, attributes: window }),
    );
    using reader = new FilmReader();
    const [png, byte, twelve] = await Promise.all(
      ["png", "8", "12"].map((name) => reader.read(`${dir}/${name}`, { size: 40 })),
    );
    assertEquals(byte.pixels, png.pixels);
    const apart = twelve.pixels.map((level, i) => Math.abs(level - png.pixels[i]));
    assert(apart.every((one) => one <= 1), `${Math.max(...apart)}`);
    assertEquals([png.dicom, byte.dicom], [undefined, {
      ...{ facts: { age: 58, sex: "female", view: "PA" }, syntax: "explicit little endian" },
      ...{ modality: "DX", windowing: "full range", inverted: false, describedView: false },
    }]);
  }));

const view = (value: string, more = {}): DicomOptions => ({
  attributes: { "0018,5101": ["CS", value], ...more },
});

Deno.test("read: what of the header becomes age, sex and view", () =>
  inFolder(async (dir) => {
    using reader = new FilmReader();
    const told = async (options: DicomOptions) => {
      await Deno.writeFile(`${dir}/film`, dicomFile(options));
      const { facts, describedView } = (await reader.read(`${dir}/film`, { size: 8 })).dicom!;
      return [facts.age, facts.sex, facts.view, describedView];
    };
    const age = (value: string | null, more = {}): DicomOptions => ({
      attributes: { "0010,1010": value === null ? null : ["AS", value], ...more },
    });
    const [born, made] = [{ "0010,0030": ["DA", "19600229"] }, { "0008,0020": ["DA", "20240228"] }];
    assertEquals(await told(age("101Y")), [89, "female", "PA", false]);
    assertEquals(await told(age("018M")), [1, "female", "PA", false]);
    assertEquals(await told(age("")), [undefined, "female", "PA", false]);
    assertEquals(await told(age(null, { ...born, ...made })), [63, "female", "PA", false]);
    assertEquals(await told(age("999Y")), [undefined, "female", "PA", false]);
    assertEquals(await told({ attributes: { "0010,0040": ["CS", "O"] } }), [58, undefined, "PA", false]);
    assertEquals(await told(view("AP")), [58, "female", "AP", false]);
    assertEquals(await told(view("", { "0008,103e": ["LO", "Thorax a.p. AP liegend"] })), [
      58,
      "female",
      "AP",
      true,
    ]);
    assertEquals(await told(view("", { "0008,103e": ["LO", "Thorax"] })), [58, "female", undefined, false]);
    assertEquals(await told(age("58")), [58, "female", "PA", false]);
    assertEquals(await told(age("", { ...born, "0008,0020": ["DA", "18991231"] })), [
      undefined,
      "female",
      "PA",
      false,
    ]);
  }));

Deno.test("read: the views that devices and people write", () =>
  inFolder(async (dir) => {
    using reader = new FilmReader();
    const told = async (attributes: DicomOptions["attributes"]) => {
      await Deno.writeFile(`${dir}/film`, dicomFile({ attributes }));
      try {
        const { facts, describedView } = (await reader.read(`${dir}/film`, { size: 8 })).dicom!;
        return `${facts.view}${describedView ? " described" : ""}`;
      } catch (error) {
        return (error as DataError).reason;
      }
    };
    for (
      const [text, expected] of [
        ["ap", "AP"],
        ["PA_ERECT", "PA"],
        ["POSTERO_ANTERIOR", "PA"],
        ["antero-posterior", "AP"],
        ["LATERAL LEFT", "lateral_view"],
        ["LLD", "undefined"],
      ]
    ) assertEquals(await told({ "0018,5101": ["CS", text] }), expected, text);
    for (
      const [text, expected] of [
        ["Thorax p.a. stehend", "PA described"],
        ["Thorax, a. p., liegend", "AP described"],
        ["Thorax seitlich", "lateral_view"],
        ["Thorax de profil", "lateral_view"],
        ["Chest.LAT", "lateral_view"],
        ["APEX", "undefined"],
        ["panorama", "undefined"],
      ]
    ) {
      assertEquals(await told({ "0018,5101": null, "0008,103e": ["LO", text] }), expected, text);
    }
  }));

Deno.test("read: a view that its code alone tells counts as told by the device", () =>
  inFolder(async (dir) => {
    using reader = new FilmReader();
    const reads = async (meaning: string) => {
      const code = item("0008,0104", meaning);
      const attributes = {
        "0018,5101": null,
        "0054,0220": ["SQ", code],
      } satisfies DicomOptions["attributes"];
      await Deno.writeFile(`${dir}/film`, dicomFile({ attributes }));
      return (await reader.read(`${dir}/film`, { size: 8 })).dicom!;
    };
    const { facts, describedView } = await reads("antero-posterior");
    assertEquals([facts.view, describedView], ["AP", false]);
    const error = await assertRejects(() => reads("left lateral"), DataError);
    assertEquals(error.reason, "lateral_view");
  }));

Deno.test("read: a modality and a window's function in small letters", () =>
  inFolder(async (dir) => {
    using reader = new FilmReader();
    const attributes = {
      ...{ "0008,0060": ["CS", "dx"], "0028,1056": ["CS", "Linear_exact"] },
      ...{ "0028,1050": ["DS", "128"], "0028,1051": ["DS", "256"] },
    } satisfies DicomOptions["attributes"];
    await Deno.writeFile(`${dir}/film`, dicomFile({ attributes }));
    assertEquals((await reader.read(`${dir}/film`, { size: 8 })).dicom!.windowing, "LINEAR_EXACT");
  }));

const uint16 = (...values: number[]): [string, number[]] => ["US", values];
/** Files that are no films, by why. */
const REFUSED: [string, QuarantineReason, DicomOptions | Uint8Array<ArrayBuffer>][] = [
  ["another modality", "other_modality", { attributes: { "0008,0060": ["CS", "CT"] } }],
  ["no modality", "other_modality", { attributes: { "0008,0060": null } }],
  ["a lateral view", "lateral_view", view("LL")],
  ["one by its description", "lateral_view", view("", { "0008,103e": ["LO", "THORAX LAT."] })],
  ["one for processing", "for_processing", { attributes: { "0008,0068": ["CS", "FOR PROCESSING"] } }],
  ["a private syntax", "unknown_syntax", { syntax: "1.2.840.113619.5.2" }],
  ["no pixels", "no_pixels", { attributes: { "7fe0,0010": null } }],
  ["two frames", "multi_frame", { attributes: { "0028,0008": ["IS", "2"] } }],
  ["colours", "unsupported_pixels", { attributes: { "0028,0002": uint16(3), "0028,0004": ["CS", "RGB"] } }],
  ["32 bits", "unsupported_pixels", { attributes: { "0028,0100": uint16(32) } }],
  ["more bits stored than there are", "unsupported_pixels", { attributes: { "0028,0101": uint16(12) } }],
  ["a window of no width", "unsupported_pixels", {
    attributes: { "0028,1050": ["DS", "1"], "0028,1051": ["DS", "0"] },
  }],
  ["a slope of zero", "unsupported_pixels", {
    attributes: { "0028,1053": ["DS", "0"], "0028,1052": ["DS", "0"] },
  }],
  ["an enormous size", "too_large", {
    attributes: { "0028,0010": uint16(65535), "0028,0011": uint16(65535) },
  }],
  ["a strip", "too_small", { attributes: { "0028,0010": uint16(4) } }],
  ["more rows than pixels", "truncated", { attributes: { "0028,0010": uint16(64) } }],
  ["half a file", "truncated", dicomFile().slice(0, 900)],
  ["no fragment", "truncated", { syntax: "1.2.840.10008.1.2.4.80" }],
];

for (const [name, reason, options] of REFUSED) {
  Deno.test(`read: ${name} is refused as ${reason}`, () =>
    inFolder(async (dir) => {
      await Deno.writeFile(`${dir}/film`, options instanceof Uint8Array ? options : dicomFile(options));
      using reader = new FilmReader();
      const error = await assertRejects(() => reader.read(`${dir}/film`, { size: 8 }), DataError);
      assertEquals(error.reason, reason, error.message);
    }));
}

Deno.test("read: a thread that refused a film reads the next one", () =>
  inFolder(async (dir) => {
    await Deno.writeFile(`${dir}/bad`, dicomFile().slice(0, 900));
    await Deno.writeFile(`${dir}/good`, dicomFile());
    using reader = new FilmReader();
    for (let i = 0; i < 12; i++) {
      await assertRejects(() => reader.read(`${dir}/bad`, { size: 8 }), DataError);
      assertEquals((await reader.read(`${dir}/good`, { size: 8 })).pixels.length, 64);
    }
  }));
