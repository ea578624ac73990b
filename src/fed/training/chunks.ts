import type { Chunk } from "../../model/engine_config.ts";
import type { ImageOrder } from "../../model/image_order.ts";
import { type Recipe, scheduleOf } from "../../model/recipe.ts";
import type { Turn } from "./trainer.ts";

/**
 * A turn's steps as native calls take them, one chunk after the other.
 *
 * @param options.most steps of the next chunk; asked before each, for how fast steps are may show meanwhile
 */
export function* chunksOf(
  turn: Turn,
  { recipe, order, most }: { recipe: Recipe; order: ImageOrder; most: () => number },
): Generator<Chunk> {
  const { lr, clip, fixed } = scheduleOf(recipe, turn);
  for (let done = 0; done < turn.steps;) {
    const end = Math.min(done + most(), turn.steps), firstStep = turn.firstStep + done;
    yield {
      firstStep,
      lr: lr.subarray(done, end),
      clip: clip.subarray(done, end),
      fixed,
      indices: order.take(firstStep * recipe.batch, (end - done) * recipe.batch),
    };
    done = end;
  }
}
