import { csvCell } from "../../data/csv.ts";
import { FilmReader, type ReadFilm, type ReadOptions } from "../../data/film_reader.ts";
import { imageFiles } from "../../data/image_files.ts";
import { DataError } from "../../data/quarantine.ts";
import { poolOf } from "../../data/pool.ts";
import { Shard, type Split, SPLITS } from "../../data/shard.ts";
import { LoadedPool, predict, type Predictor } from "../../model/predictor.ts";
import { type Jpeg2000, jpeg2000Of, JPEG_2000, kernelOf } from "../../kernel.ts";
import { refusal } from "../../refusal.ts";
import { ANY_FINDING } from "../../label_rule.ts";
import { thresholdText } from "../output/decisions.ts";
import { ruleLines } from "../output/label_rule.ts";
import { checkOutput, SCORES_HEADER, writeOutput } from "../output/check_output.ts";
import { probabilityOf, thresholdAt } from "../../model/metrics/metrics.ts";
import type { ModelMetadata } from "../../model/weights/model_file.ts";
import type { Context } from "../context.ts";
import type { predict as options } from "../options/table/predict.ts";
import { loadModelOf, openPredictor } from "../options/predictor.ts";
import { UsageError } from "../options/usage_error.ts";
import { plural } from "../../plural.ts";

/** Films decoded and scored at a time. */
const CHUNK = 128;
/** Decodes at work at once. */
const IN_FLIGHT = 3;

/** Writes a logit, a probability and, where there is a threshold, a decision for each film. */
export async function run(context: Context<typeof options>): Promise<number> {
  const { values, output } = context;
  if (values.accession && values.shard !== undefined) {
    throw new UsageError(
      "Cannot use --accession with --shard: expected --images, got a shard, which knows no accession numbers.",
    );
  }
  await checkOutput(values.out, { flag: "--out", kind: "scores", force: values.force ?? false });
  const started = performance.now();
  const model = await loadModelOf(values.model, output);
  const { labelRule = ANY_FINDING } = model.metadata;
  const threshold = thresholdOf(values.threshold, model.metadata);
  using predictor = await openPredictor(model, values);
  const written = values.shard ? await fromShard(predictor, context) : await fromFolder(predictor, context);
  const rows = written.films.map((film) => rowOf(film, threshold));
  const header = [SCORES_HEADER, ...written.splits ? ["split"] : [], ...values.accession ? ["accession"] : []]
    .join(",");
  await writeOutput(values.out, [header, ...rows].join("\n") + "\n");
  const failed = written.films.flatMap(({ score }) => score instanceof DataError ? [score] : []);
  const images = rows.length - failed.length;
  const seconds = (performance.now() - started) / 1000;
  output.result(
    {
      images,
      failed: failed.length,
      failures: reasons(failed),
      label_rule: labelRule,
      threshold: threshold === null ? null : thresholdAt(threshold),
      seconds,
      file: values.out,
    },
    [
      `${values.out}: ${plural(images, "image")} in ${seconds.toFixed(1)} s`,
      threshold === null
        ? "no decisions: the model has no threshold (--threshold sets one)"
        : `decisions at ${thresholdText(thresholdAt(threshold))}`,
      ...ruleLines(labelRule),
      ...failed.length === 0 ? [] : [`${failed.length} failed: the column error says why`],
    ].join("\n"),
  );
  return failed.length === 0 ? 0 : 1;
}

/** The logit from which on a film counts as having a finding: the operator's word, else the model's, else none. */
function thresholdOf(probability: number | undefined, { threshold }: ModelMetadata): number | null {
  if (probability === undefined) return threshold?.logit ?? null;
  return Math.log(probability / (1 - probability));
}

/** One row of the result: a film's logit, or why it has none. */
interface Film {
  name: string;
  score: number | DataError;
  split?: Split;
  /** Set where accession numbers are listed; "" where there is none. */
  accession?: string;
}

/** The rows, in their order, and whether they say a split. */
interface Written {
  films: Film[];
  splits: boolean;
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
  const films = names.map((name, row) => ({ name, score: logits[row], split: SPLITS[shard.splits[row]] }));
  return { films, splits: true };
}

async function fromFolder(predictor: Predictor, context: Context<typeof options>): Promise<Written> {
  const { values, output, signal } = context;
  const folder = values.images!;
  const { files, unreadable } = await imageFiles(folder);
  const { size, kernel } = predictor;
  const jpeg2000 = decodingOf(kernel);
  using reader = new FilmReader();
  const films: Film[] = unreadable.map((path) => ({
    name: `${path}/`,
    score: new DataError("unreadable_file", "Cannot read the folder: this user may not read it"),
    ...values.accession && { accession: "" },
  }));
  for (const { name } of films) output.line(`failed: ${name}: the folder cannot be read`);
  for (let first = 0; first < files.length; first += CHUNK) {
    signal.throwIfAborted();
    const names = files.slice(first, first + CHUNK);
    const decoded = await decodeAll(names.map((name) => `${folder}/${name}`), { reader, size, jpeg2000 });
    const good = decoded.filter((film): film is ReadFilm => !(film instanceof DataError));
    const pixels = new Uint8Array(good.length * size * size);
    good.forEach((film, at) => pixels.set(film.pixels, size * size * at));
    const logits = good.length > 0 ? await predict(predictor, pixels) : new Float32Array();
    let at = 0;
    for (const [index, film] of decoded.entries()) {
      const failed = film instanceof DataError;
      if (failed) output.line(`failed: ${names[index]}: ${film.message}`);
      const accession = failed ? "" : film.header?.accessionNumber ?? "";
      films.push({
        name: names[index],
        score: failed ? film : logits[at++],
        ...values.accession && { accession },
      });
    }
    output.progress("predict", Math.min(files.length, first + CHUNK), files.length);
  }
  return { films, splits: false };
}

/** How the model's own films were decoded. @throws {Error} where another fedx made them, in a way that is not known here */
function decodingOf(kernel: string): Jpeg2000 {
  const found = jpeg2000Of(kernel);
  if (found !== undefined) return found;
  const kernels = JPEG_2000.map(kernelOf).join(" or ");
  const remedy = "take the fedx that the model was trained with";
  throw refusal(Error, { what: "Cannot make films for the model", expected: kernels, got: kernel, remedy });
}

/** Decodes files, a few at a time; a film that cannot be used becomes its error. */
async function decodeAll(
  paths: string[],
  { reader, ...options }: { reader: FilmReader } & ReadOptions,
): Promise<(ReadFilm | DataError)[]> {
  const films: (ReadFilm | DataError)[] = Array(paths.length);
  let next = 0;
  const work = async () => {
    while (next < paths.length) {
      const index = next++;
      films[index] = await reader.read(paths[index], options).catch((error) => {
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
export function rowOf({ name, score, split, accession }: Film, threshold: number | null): string {
  const cells = score instanceof DataError
    ? ["", "", "", csvCell(score.message)]
    : [digits(score), digits(probabilityOf(score)), decisionOf(score, threshold), ""];
  const more = [
    ...split === undefined ? [] : [split],
    ...accession === undefined ? [] : [csvCell(accession)],
  ];
  return [csvCell(name), ...cells, ...more].join(",");
}

function decisionOf(logit: number, threshold: number | null): string {
  if (threshold === null || Number.isNaN(logit)) return "";
  return logit >= threshold ? "finding" : "no finding";
}

const digits = (value: number) => String(Number(value.toPrecision(9)));
