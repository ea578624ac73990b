/** The runs that `bench/recipes.ts` makes, grid by grid. */
import type { Way } from "./in_process.ts";

/**
 * Which films are trained on: all of `train`; a fifth of its patients; or, of all films whatever their split, four
 * fifths of the patients.
 */
export type Cut = "all" | `fifth${number}` | `fold${number}`;
export type Method = "federated" | "pooled" | "alone a" | "alone b" | "alone c";

/** One run. */
export interface Planned extends Way {
  cut: Cut;
  method: Method;
  /** For one alone: whether it takes as many steps as all films in one place. @default its own films' */
  steps?: "pooled";
}

const PARTS = [0, 1, 2, 3, 4];
const SEEDS = [0, 1, 2, 3, 4];
const POOLED: Partial<Planned> = { method: "pooled", keep: true };
const ALONE = (["alone a", "alone b", "alone c"] as const).map((method) => ({ method, keep: true }));
const ALONE_AS_LONG = ALONE.map((way) => ({ ...way, steps: "pooled" as const }));
/** What `default` has among several hospitals. */
const CHOSEN: Partial<Planned> = { lr: 2e-3, change: { bn: .5 } };
/** What that comes to with so few films that statistics follow to the end. */
const CHOSEN_FOR_FEW: Partial<Planned> = { lr: 2e-3 };

/** A run, `default` with batches of 11 where nothing else is said. */
function planned(way: Partial<Planned>): Planned {
  return {
    ...{ recipe: "default", init: "imagenet", passes: 6, seed: 0, cut: "all", method: "federated" },
    ...{ batch: 11, lr: 1e-3 },
    ...way,
  } as Planned;
}

/** Each way on each fifth of the patients, with a seed of its own. */
const onFifths = (ways: Partial<Planned>[]): Planned[] =>
  ways.flatMap((way) => PARTS.map((part) => planned({ seed: part, cut: `fifth${part}`, ...way })));

const fromBoth = (ways: Partial<Planned>[]): Planned[] =>
  (["imagenet", "random"] as const).flatMap((init) => ways.map((way) => planned({ init, ...way })));

const withSeeds = (ways: Partial<Planned>[]): Planned[] =>
  SEEDS.flatMap((seed) => ways.map((way) => planned({ seed, ...way })));

/** The best ways by `val` of the grid `methods`. */
const BEST: Partial<Planned>[] = [
  { change: CHOSEN.change },
  { ...POOLED, batch: 16, lr: 2e-3 },
  { ...CHOSEN, init: "random" },
  { ...POOLED, init: "random", batch: 16, lr: 2e-3 },
];
const BEST_ALONE: Partial<Planned>[] = [
  { ...ALONE[0], batch: 16, lr: 2e-3 },
  { ...ALONE[1], batch: 16, lr: 1e-3 },
  { ...ALONE[2], batch: 32, lr: 2e-3 },
  { ...ALONE[0], init: "random", batch: 11, lr: 1e-3 },
  { ...ALONE[1], init: "random", batch: 11, lr: 2e-3 },
  { ...ALONE[2], init: "random", batch: 16, lr: 2e-3 },
];

const GRIDS: Record<string, () => Planned[]> = {
  /** Ways of federating, and what they are compared with, on a fifth of the patients. */
  fifths: () =>
    onFifths([
      CHOSEN_FOR_FEW,
      POOLED,
      ...ALONE,
      ...ALONE_AS_LONG,
      ...[CHOSEN_FOR_FEW, POOLED, ...ALONE_AS_LONG].map((way) => ({ ...way, passes: 12 })),
      {},
      { lr: 3e-3 },
      { lr: 4e-3 },
      { batch: 16 },
      { lr: 2e-3, keep: true },
      { lr: 2e-3, round: .5 },
      { lr: 2e-3, round: .5, keep: true },
      { lr: 2e-3, change: { roundWarmup: 8 } },
      { ...POOLED, lr: 2e-3 },
    ]),
  /** The same on all patients. */
  whole: () =>
    fromBoth([
      CHOSEN,
      POOLED,
      { lr: 2e-3, batch: 16 },
      {},
      { ...POOLED, batch: 16 },
      { round: .25, keep: true },
      { lr: 2e-3 },
      { lr: 2e-3, change: { bn: 5 / 6 } },
      { lr: 2e-3, change: { bn: 2 / 3 } },
    ]),
  /** Every method with every batch and learning rate, on all patients. */
  methods: () =>
    fromBoth(
      [{ change: CHOSEN.change }, POOLED, ...ALONE].flatMap((way) =>
        [11, 16, 32].flatMap((batch) => [2e-3, 1e-3].map((lr) => ({ ...way, batch, lr })))
      ),
    ),
  /** Each method in its best way by `val` of `methods`, with more seeds. */
  best: () => withSeeds([...BEST, ...BEST_ALONE]),
  /** The same with hospitals alone that take as many steps as all films in one place. */
  long: () => withSeeds([...BEST_ALONE.map((way) => ({ ...way, steps: "pooled" as const })), ...BEST]),
  /** What was chosen, with more seeds. */
  seeds: () => SEEDS.flatMap((seed) => fromBoth([{ ...CHOSEN, seed }, { ...POOLED, seed }])),
  /** Every film of a set once as another patient's, with three seeds. */
  folds: () =>
    [0, 1, 2].flatMap((seed) =>
      PARTS.flatMap((part) =>
        [CHOSEN_FOR_FEW, POOLED, ...ALONE].map((way) => planned({ seed, cut: `fold${part}`, ...way }))
      )
    ),
};

/** The runs of a grid. @throws {RangeError} for an unknown one. */
export function grid(name: string): Planned[] {
  if (!Object.hasOwn(GRIDS, name)) {
    throw new RangeError(`Cannot run ${name}: expected ${Object.keys(GRIDS).join(", ")}`);
  }
  return GRIDS[name]();
}

/** A way in words. */
export function describeWay({ method, batch, lr, round = 1, ...way }: Planned): string {
  return [
    `${method}${way.steps ? " for as many steps as pooled" : ""}`,
    `batch ${batch}, LR ${lr}`,
    ...method === "federated" && round !== 1 ? [`rounds of ${round} passes`] : [],
    ...method === "federated" && way.keep ? ["moments kept"] : [],
    ...Object.entries(way.change ?? {}).map(([name, value]) => `${name} ${value}`),
  ].join(", ");
}
