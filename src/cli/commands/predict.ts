import { csvCell } from "../../data/csv.ts";
import { DataError, decodeImage } from "../../data/decode.ts";
import { poolOf } from "../../data/pool.ts";
import { Shard, SPLITS } from "../../data/shard.ts";
import { LoadedPool, predict, type Predictor } from "../../model/predictor.ts";
import { checkOutput, SCORES_HEADER, writeOutput } from "../output/check_output.ts";
import type { Context } from "../context.ts";
import type { predict as options } from "../options/table/predict.ts";
import { loadModelOf, openPredictor } from "../options/predictor.ts";

/** Films decoded and scored at a time. */
const CHUNK = 128;
/** Decodes at work at once. */
const IN_FLIGHT = 3;

/** Writes a logit and a probability for each film. */
export async function run(context: Context<typeof options>): Promise<number> {
  const { values, output } = context;
  await checkOutput(values.out, { flag: "--out", kind: "scores", force: values.force ?? false });
  const started = performance.now();
  using predictor = await openPredictor(await loadModelOf(values.model, output), values);
  const written = values.shard ? await fromShard(predictor, context) : await fromFolder(predictor, context);
  await writeOutput(values.out, written.lines.join("\n") + "\n");
  const images = written.lines.length - 1;
  const seconds = (performance.now() - started) / 1000;
  output.result(
    { images, failed: written.failed.length, failures: reasons(written.failed), seconds, file: values.out },
    `${values.out}: ${images} images in ${seconds.toFixed(1)} s` +
      (written.failed.length > 0 ? `, ${written.failed.length} failed` : ""),
  );
  return images > 0 || written.failed.length === 0 ? 0 : 1;
}

interface Written {
  lines: string[];
  failed: DataError[];
}

async function fromShard(
  predictor: Predictor,
  { values, signal }: Context<typeof options>,
): Promise<Written> {
  const shard = await Shard.open(values.shard!, { verify: true });
  const names = await shard.names();
  const rows = Uint32Array.from({ length: shard.count }, (_, row) => row);
  using loaded = await LoadedPool.load(predictor, poolOf([shard]));
  const { logits } = await loaded.predict(predictor, rows, { signal });
  const lines = names.map((image, row) => `${line(image, logits[row])},${SPLITS[shard.splits[row]]}`);
  return { lines: [`${SCORES_HEADER},split`, ...lines], failed: [] };
}

async function fromFolder(predictor: Predictor, context: Context<typeof options>): Promise<Written> {
  const { values, output, signal } = context;
  const folder = values.images!;
  const files = await listImages(folder);
  const { size } = predictor;
  const lines = [SCORES_HEADER];
  const failed: DataError[] = [];
  for (let first = 0; first < files.length; first += CHUNK) {
    signal.throwIfAborted();
    const names = files.slice(first, first + CHUNK);
    const films = await decodeAll(names.map((name) => `${folder}/${name}`), size);
    const good = names.filter((_, index) => films[index] instanceof Uint8Array);
    const pixels = new Uint8Array(good.length * size * size);
    let at = 0;
    for (const [index, film] of films.entries()) {
      if (film instanceof DataError) {
        failed.push(film);
        output.line(`left out ${names[index]}: ${film.message}`);
      } else pixels.set(film, size * size * at++);
    }
    const logits = good.length > 0 ? await predict(predictor, pixels) : new Float32Array();
    good.forEach((name, index) => lines.push(line(name, logits[index])));
    output.progress("predict", Math.min(files.length, first + CHUNK), files.length);
  }
  return { lines, failed };
}

/** Images of a folder by name, in order; links count as what they lead to. */
export async function listImages(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (!entry.isDirectory && /\.(png|jpe?g)$/i.test(entry.name)) names.push(entry.name);
    }
  } catch (cause) {
    throw new Error(
      `Cannot read ${folder}: expected a folder of PNG and JPEG files; give another --images.`,
      {
        cause,
      },
    );
  }
  if (names.length === 0) {
    throw new Error(
      `Cannot predict: expected PNG or JPEG files in ${folder}, got none; give another --images.`,
    );
  }
  return names.sort();
}

/** Decodes files, a few at a time; a film that cannot be used becomes its error. */
async function decodeAll(paths: string[], size: number): Promise<(Uint8Array | DataError)[]> {
  const films: (Uint8Array | DataError)[] = Array(paths.length);
  let next = 0;
  const work = async () => {
    while (next < paths.length) {
      const index = next++;
      films[index] = await decodeImage(paths[index], { size }).catch((error) => {
        if (error instanceof DataError) return error;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  return films;
}

function reasons(failed: DataError[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of failed) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/** One row; nine significant digits give back the same f32. */
function line(name: string, logit: number): string {
  return `${csvCell(name)},${digits(logit)},${digits(1 / (1 + Math.exp(-logit)))}`;
}

const digits = (value: number) => String(Number(value.toPrecision(9)));
