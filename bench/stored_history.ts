/** What `bench/score_histories.ts` keeps of a run, and how rules of selection are tried on it. */
import type { ScoredModel } from "../src/fed/maths/selection.ts";
import { mulHigh, PURPOSE, uniforms, words } from "../src/model/philox.ts";
import { stratifiedAuroc } from "../src/model/metrics/bootstrap.ts";
import { mean } from "../src/model/metrics/mean.ts";

/** Films of one set, hospital by hospital. */
export interface ScoredFilms {
  labels: number[];
  patients: number[];
  /** The hospital's number. */
  strata: number[];
}

/** One run: the logits of the start and of every round's model. */
export interface StoredHistory {
  /** Name of the data's folder. */
  data: string;
  run: number;
  recipe: string;
  init: string;
  batch: number;
  /** Films trained on. */
  train: number;
  val: ScoredFilms & { scores: number[][] };
  /** Other patients' films. */
  others: ScoredFilms & { scores: number[][] };
}

/** What a rule chooses from, and what its choice is worth. */
export interface History {
  models: ScoredModel[];
  roster: string[];
  /** AUROC of each model on patients that the rule does not see. */
  truth: number[];
  /** Standard error of the difference of two models' AUROC on the patients that it sees. */
  pairedError(a: number, b: number): number;
}

/** Draws of `val` of each run. */
const DRAWS = 20;
const RESAMPLES = 100;
/** Patients of `val`; of a size that leaves fewer than 40 % of the other patients there is none. */
const SIZES = [20, 40, 100, 200];

/** By size of `val` all draws of all runs in a file. */
export async function drawnHistories(file: string): Promise<Record<string, History[]>> {
  const lines = (await Deno.readTextFile(file)).split("\n").filter((line) => line !== "");
  const runs = lines.map((line): StoredHistory => JSON.parse(line));
  const sizes = SIZES.map((size) => {
    const drawn = runs.flatMap((run) =>
      Array.from({ length: DRAWS }, (_, draw) => drawHistory(run, size, draw))
    );
    return [
      `${runs[0].data}, ${runs.length} runs, val of ${size}`,
      drawn.filter((one) => one !== null),
    ] as const;
  });
  return Object.fromEntries(sizes.filter(([, drawn]) => drawn.length > 0));
}

/** One draw: the first `size` patients of a random order are `val`, the models' worth is told by the others. */
function drawHistory(run: StoredHistory, size: number, draw: number): History | null {
  const areas = areasOf(run.others);
  if (size > 0.6 * areas.patients) return null;
  const keys = uniforms({ seed: draw, silo: run.run }, { purpose: PURPOSE.measure }, areas.patients);
  const order = Array.from(keys.keys()).sort((a, b) => keys[a] - keys[b]);
  const val = order.slice(0, size);
  const weights = (patients: number[]) => {
    const drawn = new Uint32Array(areas.patients);
    for (const patient of patients) drawn[patient]++;
    return drawn;
  };
  const resampled = Array.from({ length: RESAMPLES }, (_, step) => {
    const random = words({ seed: draw, silo: run.run }, { purpose: PURPOSE.bootstrap, step }, size);
    return areas.of(weights(Array.from(random, (word) => val[mulHigh(word, size)])));
  }).filter((one) => !one.some(Number.isNaN));
  const aurocs = areas.of(weights(val));
  const models = aurocs.map((auroc, round) => {
    const se = deviation(resampled.map((one) => one[round])) || 1e-3;
    return { round, scores: { all: { auroc, se, positives: size, negatives: size } } };
  });
  return {
    ...{ models, roster: ["all"], truth: areas.of(weights(order.slice(size))) },
    pairedError: (a, b) => deviation(resampled.map((one) => one[a] - one[b])),
  };
}

/** Stratified AUROC of every model as a function of the patients' weights. */
function areasOf({ labels, patients, strata, scores }: StoredHistory["others"]) {
  const numbers = new Map([...new Set(patients)].map((patient, i) => [patient, i]));
  const own = patients.map((patient) => numbers.get(patient)!);
  const areas = scores.map((one) => stratifiedAuroc(one, { labels, patients, strata }));
  const of = (weights: Uint32Array) => areas.map((area) => area((film) => weights[own[film]]));
  return { patients: numbers.size, of };
}

function deviation(values: number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (values.length - 1));
}
