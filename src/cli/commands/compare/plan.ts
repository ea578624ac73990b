// Why: what is trained follows from the lists alone, so that a comparison that was stopped knows what is left of it.
import { isNetwork, NETWORK_NAMES, type NetworkName } from "../../../model/networks/networks.ts";
import { preset, type PresetName, type Recipe } from "../../../model/recipe.ts";
import type { Values } from "../../options/option.ts";
import type { compare } from "../../options/table/compare.ts";
import { UsageError } from "../../options/usage_error.ts";

/** Three ways to use the films of several hospitals. */
export const METHODS = ["federated", "pooled", "alone"] as const;
export type Method = typeof METHODS[number];

/** What is compared: everything in a training but who trains, on which patients, and its seed. */
export interface Way {
  network: NetworkName;
  recipe: PresetName;
  init: string;
  /** Pixels a side. */
  size: number;
  /** Absent: the preset's. */
  batch?: number;
  lr?: number;
  /** Passes a round of the federation. */
  localEpochs: number;
  /** Passes over the films that train; absent where a budget decides. */
  passes?: number;
}

/** One training of a way. */
export interface Training extends Way {
  method: Method;
  /** The hospital of `alone`, by its place among the shards. */
  hospital?: number;
  seed: number;
  fold?: number;
}

/** The settings that a plan follows from. */
export type Lists = Pick<
  Values<typeof compare>,
  | "deck"
  | "method"
  | "network"
  | "recipe"
  | "init"
  | "batch"
  | "lr"
  | "local-epochs"
  | "passes"
  | "budget"
  | "seeds"
  | "folds"
>;

/** Every training of every way, the first seed and fold of all ways before the second. */
export function planOf(
  lists: Lists,
  { sizes, hospitals }: { sizes: readonly number[]; hospitals: number },
): Training[] {
  const ways = lists.deck ? sizes.flatMap(deckWays) : waysOf(lists, sizes);
  const parts = lists.folds === undefined
    ? [undefined]
    : Array.from({ length: lists.folds }, (_, fold) => fold);
  const places = Array.from({ length: hospitals }, (_, hospital) => hospital);
  const sides = methodsOf(lists).flatMap((method): Pick<Training, "method" | "hospital">[] =>
    method === "alone" ? places.map((hospital) => ({ method, hospital })) : [{ method }]
  );
  const seeds = Array.from({ length: lists.seeds ?? (lists.deck ? 2 : 1) }, (_, seed) => seed);
  return product({ seed: seeds, fold: parts, way: ways, side: sides }).map(({ seed, fold, way, side }) => ({
    ...way,
    ...side,
    seed,
    ...fold !== undefined && { fold },
  }));
}

/** Every combination of the lists' members, the last list's first; a member that is undefined leaves its name out. */
function product<T extends Record<string, readonly unknown[]>>(
  lists: T,
): { [K in keyof T]: T[K][number] }[] {
  return Object.entries(lists).reduce<Record<string, unknown>[]>(
    (made, [name, members]) =>
      made.flatMap((one) => members.map((member) => member === undefined ? one : { ...one, [name]: member })),
    [{}],
  ) as { [K in keyof T]: T[K][number] }[];
}

/** The way of a training. */
export function wayOf(
  { method: _method, hospital: _hospital, seed: _seed, fold: _fold, ...way }: Training,
): Way {
  return way;
}

/** What tells ways apart. */
export const wayKey = (way: Way): string => JSON.stringify(way);

/** A plan's trainings by the key of their way, in the plan's order. */
export function byWay(plan: readonly Training[]): Map<string, Training[]> {
  return Map.groupBy(plan, (training) => wayKey(wayOf(training)));
}

/** Trainings by their keys: two that only a setting of the federation tells apart are one where nothing is federated. */
export function distinct(plan: readonly Training[]): Map<string, Training> {
  return new Map(plan.map((one) => [keyOf(one), one]));
}

/** What tells trainings apart: the settings in the order of their names. */
export function keyOf(training: Training): string {
  const { localEpochs: _localEpochs, ...rest } = training;
  const told = training.method === "federated" ? training : rest;
  return Object.entries(told).filter(([, value]) => value !== undefined).toSorted(([a], [b]) =>
    a < b ? -1 : 1
  )
    .map(([name, value]) => `${name}=${value}`).join(" ");
}

/** The numbers that a training is made with. */
export function recipeOf({ recipe, method, batch, lr, localEpochs }: Training, hospitals: number): Recipe {
  const changes = { ...batch !== undefined && { batch }, ...lr !== undefined && { lr } };
  const silos = method === "federated" ? hospitals : 1;
  return preset(recipe, { ...changes, localEpochs: method === "federated" ? localEpochs : 1 }, { silos });
}

function waysOf(lists: Lists, sizes: readonly number[]): Way[] {
  const networks = (lists.network ?? ["efficientnet_b0"]).map((name) => {
    if (isNetwork(name)) return name;
    throw refuse("network", NETWORK_NAMES.join(", "), name);
  });
  const recipes = (lists.recipe ?? ["default"]).map((name) => {
    if (name === "default" || name === "deck") return name;
    throw refuse("recipe", "default, deck", name);
  });
  const batches = numbers("batch", lists.batch, { whole: true, range: [1, 4096] });
  const rates = numbers("lr", lists.lr, { range: [1e-8, 10] });
  const rounds = numbers("local-epochs", lists["local-epochs"] ?? ["1"], { range: [1e-6, 1000] });
  const passes = lists.budget === undefined ? { passes: lists.passes ?? 6 } : {};
  const inits = lists.init ?? ["imagenet"];
  return product({
    ...{ size: sizes, network: networks, recipe: recipes, init: inits, batch: batches, lr: rates },
    ...{ localEpochs: rounds },
  }).map((way) => ({ ...way, localEpochs: way.localEpochs!, ...passes }));
}

/** The methods asked for. */
function methodsOf({ deck, method = deck ? ["federated"] : [...METHODS] }: Lists): Method[] {
  const known: readonly string[] = METHODS;
  const other = method.find((name) => !known.includes(name));
  if (other !== undefined) throw refuse("method", METHODS.join(", "), other);
  return METHODS.filter((name) => method.includes(name));
}

function numbers(
  name: string,
  texts: readonly string[] | undefined,
  { whole = false, range: [low, high] }: { whole?: boolean; range: [number, number] },
): (number | undefined)[] {
  return texts?.map((text) => {
    const value = text.trim() === "" ? NaN : Number(text);
    const fits = (whole ? Number.isInteger(value) : Number.isFinite(value)) && value >= low && value <= high;
    if (fits) return value;
    throw refuse(
      name,
      `${whole ? "whole numbers" : "numbers"} from ${low} to ${high} with commas between`,
      text,
    );
  }) ?? [undefined];
}

const refuse = (name: string, expected: string, got: string) =>
  new UsageError(`Cannot read --${name}: expected ${expected}, got ${JSON.stringify(got)}.`);

/** The experiments of the hackathon's deck: five passes in one round, a job that ends before its fourth, ten rounds, … */
const DECK = {
  often: { passes: 10, localEpochs: 1 },
  job: { passes: 3, localEpochs: 0.75 },
  once: { passes: 5, localEpochs: 5 },
  equal: {},
  "batch 16": { batch: 16 },
  "LR .0003": { lr: 3e-4 },
  "LR .003": { lr: 3e-3 },
  "ResNet-18": { network: "resnet18", init: "random" },
  "DenseNet-121": { network: "densenet121", init: "random" },
  "EfficientNet-B0": { init: "random" },
} as const satisfies Record<string, Partial<Way>>;
export type DeckName = keyof typeof DECK;

/** One of the deck's experiments at one size. */
export function deckWay(name: DeckName, size: number): Way {
  const base = { network: "efficientnet_b0", recipe: "deck", init: "imagenet", size } as const;
  return { ...base, passes: 5, localEpochs: 1, ...DECK[name] };
}

/** All of them. */
export function deckWays(size: number): Way[] {
  return (Object.keys(DECK) as DeckName[]).map((name) => deckWay(name, size));
}
