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

const FIFTHS: Cut[] = ["fifth0", "fifth1", "fifth2", "fifth3", "fifth4"];
const FOLDS: Cut[] = ["fold0", "fold1", "fold2", "fold3", "fold4"];
const BATCHES = [11, 16, 32], RATES = [1e-3, 2e-3];
const POOLED: Partial<Planned> = { method: "pooled", keep: true };

/** All combinations of the settings' values. */
function product(settings: { [K in keyof Planned]: Planned[K][] }): Planned[] {
  let out: Record<string, unknown>[] = [{}];
  for (const [name, values] of Object.entries(settings)) {
    out = out.flatMap((one) => (values as unknown[]).map((value) => ({ ...one, [name]: value })));
  }
  return out as unknown as Planned[];
}

/** Each of some ways on each fifth, seed by fifth. */
const onFifths = (init: Way["init"], passes: number, ways: Partial<Planned>[]): Planned[] =>
  ways.flatMap((way) =>
    FIFTHS.map((cut, seed) => ({
      ...{ recipe: "default", init, passes, seed, cut, method: "federated", batch: 11, lr: 1e-3, ...way },
    } as Planned))
  );

const onAll = (init: Way["init"], ways: Partial<Planned>[]): Planned[] =>
  ways.map((way) => ({
    ...{ recipe: "default", init, passes: 6, seed: 0, cut: "all", method: "federated", batch: 11, lr: 1e-3 },
    ...way,
  } as Planned));

const GRIDS: Record<string, () => Planned[]> = {
  fifths: () =>
    onFifths("imagenet", 6, [
      { lr: 2e-3, change: { roundWarmup: 8 } },
      { lr: 2e-3, keep: true },
      { lr: 2e-3 },
      POOLED,
      { lr: 3e-3, keep: true },
      { lr: 2e-3, round: .5, keep: true },
    ]),
  folds: () =>
    [0, 1, 2].flatMap((seed) =>
      FOLDS.flatMap((cut) =>
        [
          { method: "federated", lr: 2e-3 },
          { method: "pooled", keep: true },
          { method: "alone a", keep: true },
          { method: "alone b", keep: true },
          { method: "alone c", keep: true },
        ].map((way) => ({
          ...{ recipe: "default", init: "imagenet", passes: 6, seed, cut, batch: 11, lr: 1e-3 },
          ...way,
        } as Planned))
      )
    ),
  alone: () =>
    onFifths("imagenet", 6, [
      { method: "alone a", keep: true, steps: "pooled" },
      { method: "alone b", keep: true, steps: "pooled" },
      { method: "alone c", keep: true, steps: "pooled" },
    ]),
  seeds: () =>
    [1, 2, 3, 4].flatMap((seed) =>
      (["imagenet", "random"] as const).flatMap((init) =>
        onAll(init, [{ seed, lr: 2e-3 }, { ...POOLED, seed }])
      )
    ),
  whole: () =>
    ["imagenet", "random"].flatMap((init) =>
      onAll(init as Way["init"], [
        { lr: 2e-3 },
        POOLED,
        { lr: 2e-3, batch: 16 },
        {},
        { ...POOLED, batch: 16 },
      ])
    ),
};

/** The runs of a grid. @throws {RangeError} for an unknown one. */
export function grid(name: string): Planned[] {
  if (!Object.hasOwn(GRIDS, name)) {
    throw new RangeError(`Cannot run ${name}: expected ${Object.keys(GRIDS).join(", ")}`);
  }
  return GRIDS[name]();
}
