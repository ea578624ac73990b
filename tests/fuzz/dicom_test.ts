/** Mutated DICOM files of every transfer syntax through the parser and the decoders: read, or refused with a reason. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { FilmDecoder, type FilmOptions } from "../../src/data/dicom/film.ts";
import { DataError } from "../../src/data/quarantine.ts";
import { campaign } from "./mutate.ts";

/** The whole campaign, a tenth of it in CI. */
const COUNT = 100_000;
/** How long one file may take, ms, beside other work. */
const MOST_MS = 1000;

/** How much more memory the campaign may take than its start, bytes: what a small film may have, twice, and slack. */
const MOST_BYTES = 2 ** 29;

/** The largest memory of this process so far, bytes. */
function peak(): number {
  return 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
}

const FIXTURES = fileURLToPath(new URL("../data/dicom/fixtures/", import.meta.url));
const names = [...Deno.readDirSync(FIXTURES)].map(({ name }) => name).toSorted();

/** What is mutated, and how it is decoded. */
const WAYS = [
  { way: "files of every syntax", some: /./, options: {} },
  { way: "JPEG 2000 at a lower resolution", some: /-9[01]\.dcm$/, options: { side: 9 } },
];

for (const { way, some, options } of WAYS) {
  const samples = names.filter((name) => some.test(name)).map((name) => Deno.readFileSync(FIXTURES + name));
  Deno.test(`FilmDecoder: mutated ${way} are read or refused, each within a second`, () =>
    survives(samples, options));
}

async function survives(
  samples: readonly Uint8Array[],
  options: FilmOptions,
): Promise<void> {
  const decoder = new FilmDecoder();
  let read = 0, refused = 0, longest = 0;
  const before = peak();
  await campaign(samples, async (bytes) => {
    const started = performance.now();
    try {
      const { width, height, pixels } = await decoder.decode(bytes, options);
      assertEquals(pixels.length, width * height);
      read++;
    } catch (error) {
      assert(error instanceof DataError, `${error instanceof Error ? error.stack : error}`);
      refused++;
    }
    longest = Math.max(longest, performance.now() - started);
  }, { count: COUNT });
  const grown = peak() - before;
  console.log(
    `read ${read}, refused ${refused}, longest ${longest.toFixed(0)} ms, ${(grown / 2 ** 20).toFixed(0)} MB`,
  );
  assert(read > 0 && refused > 0);
  assert(longest < MOST_MS, `${longest} ms`);
  assert(grown < MOST_BYTES, `${grown} bytes`);
}
