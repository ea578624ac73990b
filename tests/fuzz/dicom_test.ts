/** Mutated DICOM files of every transfer syntax through the parser and the decoders: read, or refused with a reason. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { FilmDecoder } from "../../src/data/dicom/film.ts";
import { DataError } from "../../src/data/quarantine.ts";
import { campaign } from "./mutate.ts";

/** The whole campaign, a tenth of it in CI. */
const COUNT = 100_000;
/** How long one file may take, ms, beside other work. */
const MOST_MS = 1000;

const FIXTURES = fileURLToPath(new URL("../data/dicom/fixtures/", import.meta.url));
const samples = [...Deno.readDirSync(FIXTURES)].map(({ name }) => name).toSorted()
  .map((name) => Deno.readFileSync(FIXTURES + name));

Deno.test(`FilmDecoder: mutated files are read or refused, each within a second`, async () => {
  const decoder = new FilmDecoder();
  let read = 0, refused = 0, longest = 0;
  await campaign(samples, async (bytes) => {
    const started = performance.now();
    try {
      const { width, height, pixels } = await decoder.decode(bytes);
      assertEquals(pixels.length, width * height);
      read++;
    } catch (error) {
      assert(error instanceof DataError, `${error instanceof Error ? error.stack : error}`);
      refused++;
    }
    longest = Math.max(longest, performance.now() - started);
  }, { count: COUNT });
  console.log(`read ${read}, refused ${refused}, longest ${longest.toFixed(0)} ms`);
  assert(read > 0 && refused > 0);
  assert(longest < MOST_MS, `${longest} ms`);
});
