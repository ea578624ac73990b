/** Ways of training as the benches name them, played in this process by src/fed/training/in_process.ts. */
import { play } from "../src/fed/training/in_process.ts";
import type { DataSet } from "../src/model/data_set.ts";
import { layoutOf } from "../src/model/layout.ts";
import { findLibraries } from "../src/model/libraries.ts";
import type { LoadedPool } from "../src/model/predictor.ts";
import { preset, type PresetName, type Recipe } from "../src/model/recipe.ts";
import { initialWeights } from "../src/model/weights/initial.ts";

/** How one training goes. */
export interface Way {
  recipe: PresetName;
  init: "imagenet" | "random";
  seed: number;
  /** Passes over the films of all that train together, until the learning rate is at its end. */
  passes: number;
  /** Passes a round. @default 1 */
  round?: number;
  batch: number;
  /** @default the preset's */
  lr?: number;
  /** Whether each hospital's optimizer keeps its moments from round to round. @default false */
  keep?: boolean;
  /** Other numbers of the recipe. */
  change?: Partial<Recipe>;
}

/** What hears of every scored model: whole passes done, and a function that gives its logits of rows. */
export type OnModel = (
  passes: number,
  logits: (rows: Uint32Array) => Promise<Float32Array>,
) => Promise<void>;

/** Trains in one way; `onModel` hears of the start and of the model after each whole pass. */
export async function playWay(
  loaded: LoadedPool<DataSet>,
  parties: Uint32Array[],
  way: Way,
  options: { threads: number; onModel: OnModel },
): Promise<void> {
  const { batch, lr, round = 1, init, seed, passes, keep = false } = way;
  const recipe = preset(way.recipe, {
    batch,
    localEpochs: round,
    ...lr !== undefined && { lr },
    ...way.change,
  });
  const start = await initialWeights(layoutOf("efficientnet_b0", { channels: 1 }), { init, seed });
  await play(
    loaded,
    { network: "efficientnet_b0", recipe, start: start.vector, seed, passes, parties, keep },
    {
      ...{ device: "cpu", threads: options.threads, libraries: await findLibraries() },
      onModel: ({ passes }, score) =>
        options.onModel(Math.round(passes), async (rows) => (await score(rows)).logits),
    },
  );
}
