/**
 * Question: on the same films and the same passes over them, what does federating reach beside pooling all films in
 * one place and beside each hospital alone?
 *
 * For each recipe, start and seed: three silos federated for `--passes` rounds of one pass, `fedx local` on the pooled
 * shards and on each silo's own for as many passes, all with the same settings. Every model scores all silos' test
 * films; AUROC is stratified, over pairs within a silo. Differences are paired, seeds averaged, their 95 % intervals
 * from resampled patients. A model that is already there is not trained again.
 *
 *     npx -y deno@2.9.3 task bench bench/methods.ts --data DIR [--passes 6] [--size 64] [--seeds 3] [--out DIR]
 */
import { parse } from "csv-parse/sync";
import { parseArgs } from "node:util";
import { Shard } from "../src/data/shard.ts";
import { auroc, pairedDifference, stratified } from "../src/model/metrics/metrics.ts";
import { exists, Hospitals, requireData, SILOS } from "./hospitals.ts";
import { machine } from "./machine.ts";

const { values: options } = parseArgs({
  options: {
    data: { type: "string" },
    passes: { type: "string", default: "6" },
    size: { type: "string", default: "64" },
    seeds: { type: "string", default: "3" },
    out: { type: "string", default: "fedx-methods" },
  },
});
const { out, size, passes } = options;
const RECIPES = ["default", "deck"], STARTS = ["imagenet", "random"];
const METHODS = ["federated", "pooled", ...SILOS.map((silo) => `alone ${silo}`)];
const hospitals = new Hospitals({ data: requireData(options.data), out, size });

/** All silos' test films, silo by silo. */
interface Films {
  labels: number[];
  patients: number[];
  strata: number[];
}

/** A model's scores of all silos' test films. */
type Scores = number[];

/** Trains with one method unless that was done before; the model's file. */
async function train(method: string, run: string, settings: string[]): Promise<string> {
  const model = `${run}/${method.replace(" ", "-")}.safetensors`;
  if (await exists(model)) return model;
  await Deno.mkdir(run, { recursive: true });
  if (method === "federated") {
    const made = await hospitals.federate(`${run}/federated`, ["--rounds", passes, ...settings]);
    await Deno.copyFile(String(made.model), model);
    return model;
  }
  const own = method === "pooled" ? hospitals.shards : ["--shard", hospitals.shard(method.slice(-1))];
  await hospitals.fedx("local", ["local", ...own, "--epochs", passes, "--out", model, ...settings]);
  return model;
}

/** A model's logits of the test films, in the order of `testFilms`. */
async function score(model: string): Promise<Scores> {
  const scores: Scores = [];
  for (const silo of SILOS) {
    const csv = `${model}.${silo}.csv`;
    if (!await exists(csv)) await hospitals.predict(model, silo, csv);
    const rows: Record<string, string>[] = parse(await Deno.readTextFile(csv), { columns: true });
    for (const { logit, split } of rows) {
      if (split === "test") scores.push(Number(logit));
    }
  }
  return scores;
}

async function testFilms(): Promise<Films> {
  const films: Films = { labels: [], patients: [], strata: [] };
  for (const [index, silo] of SILOS.entries()) {
    const shard = await Shard.open(hospitals.shard(silo));
    for (const row of shard.rows("test")) {
      films.labels.push(shard.labels[row] === 0 ? 0 : 1);
      films.patients.push(shard.patients[row]);
      films.strata.push(index);
    }
  }
  return films;
}

/** Stratified AUROC of one model. */
function areaOf(scores: Scores, { labels, strata }: Films): number {
  const silos = SILOS.map((_, index) => {
    const own = <T>(values: T[]) => values.filter((_, film) => strata[film] === index);
    const positives = own(labels).filter((label) => label === 1).length;
    return { auroc: auroc(own(scores), own(labels)), positives, negatives: own(labels).length - positives };
  });
  return stratified(silos).auroc!;
}

const show = (value: number) => value.toFixed(3).replace(/^(-?)0\./, "$1.");

/** A method's row: its mean over seeds (lowest–highest), then what federating gains over it. */
function row(method: string, scores: Record<string, Scores[]>, films: Films): string[] {
  const areas = scores[method].map((one) => areaOf(one, films)).toSorted((a, b) => a - b);
  const mean = areas.reduce((a, b) => a + b) / areas.length;
  const auroc = `${show(mean)} (${show(areas[0])}–${show(areas.at(-1)!)})`;
  if (method === "federated") return [method, auroc, ""];
  const { difference, ci95 } = pairedDifference(scores.federated, scores[method], films);
  return [
    method,
    auroc,
    `${difference < 0 ? "" : "+"}${show(difference)} [${ci95?.map(show).join(", ") ?? "not known"}]`,
  ];
}

console.log(machine());
await hospitals.prepare();
const films = await testFilms();
const rows: string[][] = [];
for (const recipe of RECIPES) {
  for (const init of STARTS) {
    const scores: Record<string, Scores[]> = Object.fromEntries(METHODS.map((method) => [method, []]));
    for (let seed = 0; seed < Number(options.seeds); seed++) {
      const settings = ["--recipe", recipe, "--init", init, "--seed", String(seed)];
      for (const method of METHODS) {
        const model = await train(method, `${out}/${recipe}-${init}-${seed}`, settings);
        scores[method].push(await score(model));
        console.error(
          `${recipe} ${init} seed ${seed} ${method}: ${show(areaOf(scores[method].at(-1)!, films))}`,
        );
      }
    }
    for (const method of METHODS) rows.push([recipe, init, ...row(method, scores, films)]);
  }
}
const header = ["recipe", "start", "method", "AUROC", "federated is better by"];
for (const cells of [header, header.map(() => "---"), ...rows]) console.log(`| ${cells.join(" | ")} |`);
