/** Films of every transfer syntax and every way to the screen, against what pydicom reads in them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { FilmDecoder } from "../../../src/data/dicom/film.ts";
import { Dataset } from "../../../src/data/dicom/dataset.ts";
import { SYNTAXES } from "../../../src/data/dicom/syntax.ts";
import { DataError } from "../../../src/data/quarantine.ts";

const FIXTURES = fileURLToPath(new URL("./fixtures/", import.meta.url));
interface Golden {
  /** Stored values of each base and of what is lossy; a lossless file has its base's. */
  stored: Record<string, number[]>;
  /** Grey levels. */
  shown: Record<string, number[]>;
}
const golden: Golden = JSON.parse(await Deno.readTextFile(new URL("./golden.json", import.meta.url)));
const names = [...Deno.readDirSync(FIXTURES)].map(({ name }) => name.replace(".dcm", "")).toSorted();
const decoder = new FilmDecoder();

const read = (name: string) => Deno.readFile(`${FIXTURES}${name}.dcm`);

/** Codes with their sign. */
async function stored(name: string): Promise<number[]> {
  const { codes, shape: { bitsStored, signed } } = await decoder.stored(Dataset.parse(await read(name)));
  const half = 2 ** (bitsStored - 1);
  return Array.from(codes, (code) => signed && code >= half ? code - 2 * half : code);
}

/** The largest difference of two lists of one length. */
function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assertEquals(a.length, b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

/** The base of a fixture, such as signed-deep, and the syntax after it. */
function partsOf(name: string): [string, string] {
  const [, base, syntax = ""] = /^(signed-deep|deep|byte|wide)(?:-(.*))?$/.exec(name) ?? [];
  return [base, syntax];
}

for (const name of names.filter((name) => partsOf(name)[0] !== undefined)) {
  const [base, syntax] = partsOf(name);
  const own = golden.stored[name];
  const lossy = own !== undefined && syntax !== "" && syntax !== "81";
  Deno.test(`stored: ${name} has the values that pydicom reads${lossy ? ", to one" : ""}`, async () => {
    assert(apart(await stored(name), own ?? golden.stored[base]) <= (lossy ? 1 : 0));
  });
}

Deno.test("stored: every syntax that is known was tried", async () => {
  const found = new Set<string>();
  for (const name of names) found.add(Dataset.parse(await read(name)).syntax);
  assertEquals(found, new Set(SYNTAXES.keys()));
});

for (const [name, levels] of Object.entries(golden.shown)) {
  Deno.test(`decode: ${name} is shown as pydicom shows it`, async () => {
    const film = await decoder.decode(await read(name));
    assertEquals([film.width, film.height], [36, 24]);
    assert(apart(film.pixels, levels) <= 1, `${apart(film.pixels, levels)}`);
    assert(new Set(film.pixels).size > 10);
  });
}

Deno.test("decode: how values were laid onto the grey scale is told", async () => {
  const told = await Promise.all(
    ["window", "window-exact", "window-sigmoid", "voi-lut", "no-window", "eight-bits"].map(async (name) =>
      (await decoder.decode(await read(name))).windowing
    ),
  );
  assertEquals(told, ["LINEAR", "LINEAR_EXACT", "SIGMOID", "VOI LUT", "percentiles", "full range"]);
});

Deno.test("decode: whether the lowest value is white is told", async () => {
  const told = await Promise.all(["window", "inverted", "inverse-shape"].map((name) => read(name)));
  const films = await Promise.all(told.map((file) => decoder.decode(file)));
  assertEquals(films.map(({ inverted }) => inverted), [false, true, true]);
});

Deno.test("decode: the header's patient, study, age, sex and view", async () => {
  const { header } = await decoder.decode(await read("window"));
  const { patientId, accessionNumber, facts, describedView } = header;
  assertEquals([patientId, accessionNumber, describedView], ["P-0017", "A-4711", false]);
  assertEquals(facts, { age: 58, sex: "female", view: "PA" });
});

Deno.test("decode: no film is read past its end, however short the file", async () => {
  for (const name of ["deep", "deep-80", "deep-90", "deep-rle", "deep-51", "deep-201", "deep-deflated"]) {
    const whole = await read(name);
    for (let length = 0; length < whole.length - 8; length += 97) {
      const error = await assertRejects(() => decoder.decode(whole.slice(0, length)), DataError);
      assert(
        [
          "truncated",
          "not_an_image",
          "no_pixels",
          "other_modality",
          "too_small",
          "unsupported_pixels",
          "unknown_syntax",
        ].includes(error.reason),
        `${name} ${length} ${error.reason}`,
      );
    }
  }
});
