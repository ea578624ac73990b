/** What a site's functions are told: the model, what films are to it, and the numbers of a turn. */
import type { Layout } from "../../../model/layout.ts";
import { lrFactor } from "../../../model/recipe.ts";
import { stepsOf } from "../../maths/stretch.ts";
import type { RoundSettings } from "../../protocol/messages.ts";
import type { Inside } from "../../wire/guests.ts";
import type { RecordDict, RecordValue } from "../codec/records.ts";
import { startModel, writeModel } from "../weights.ts";
import type { FlowerSite } from "./enrolment.ts";

/** Who is told, and of which run. */
interface Told {
  site: FlowerSite;
  layout: Layout;
  inside: Pick<Inside, "proposal">;
}

/** A message's content: the model as a state_dict, and what is asked, with what the model takes films as. */
export function contentOf(
  { layout, inside: { proposal: { size, channels, labelRule, preprocessing: { mean, deviation } } } }: Told,
  vector: Float32Array,
  asked: readonly (readonly [string, RecordValue])[],
): RecordDict {
  const form = { ...startModel(layout), list: false };
  const films = { size: BigInt(size), channels: BigInt(channels), mean, deviation, "label-rule": labelRule };
  const config = [...asked, ...Object.entries(films)];
  return new Map([
    ["arrays", { type: "ArrayRecord", arrays: writeModel(vector, form, { steps: 0 }) }],
    ["config", { type: "ConfigRecord", values: new Map(config) }],
  ]);
}

/** What the site's function is told of a turn. Floats stay floats to Python whatever their value. */
export function trainingOf(context: Told, row: RoundSettings): [string, RecordValue][] {
  const { site: { name }, inside: { proposal } } = context;
  const { recipe, seed, rounds } = proposal;
  const { from, to } = row.silos[name];
  return [
    ["server-round", BigInt(row.round)],
    ["num-server-rounds", BigInt(rounds!)],
    ["local-epochs", to - from],
    ["steps", BigInt(stepsIn(context, row))],
    ["batch-size", BigInt(recipe.batch)],
    // The rate that our own schedule has in the middle of the row.
    ["lr", recipe.lr * lrFactor(recipe, (row.p0 + row.p1) / 2)],
    ["seed", BigInt(seed)],
    ["recipe", JSON.stringify(recipe)],
  ];
}

/** The steps that a row holds for the site. */
export function stepsIn({ site, inside: { proposal } }: Told, row: RoundSettings): number {
  return stepsOf(row.silos[site.name], { train: site.train, batch: proposal.recipe.batch }).steps;
}
