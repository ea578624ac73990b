/** The training recipe as it comes over the wire, inside a proposal. */
import * as v from "valibot";
import { checkRecipe, type Recipe } from "../../model/recipe.ts";
import { isRefusal } from "../../refusal.ts";
import { fraction, integer, number, text } from "./fields.ts";

const fields = v.strictObject({
  name: text(64),
  batch: integer(1, 65536),
  localEpochs: number(0, 1e4),
  lr: number(0, 1e3),
  beta1: fraction,
  beta2: fraction,
  eps: fraction,
  weightDecay: number(0, 1e3),
  amsgrad: v.boolean(),
  groups: v.strictObject({ classifier: number(0, 1e6), stem: number(0, 1e6), backbone: number(0, 1e6) }),
  warmup: fraction,
  floor: fraction,
  roundWarmup: integer(0, 1e6),
  clip: v.strictObject({ warmup: number(0, 1e9), after: number(0, 1e9) }),
  loss: v.strictObject({ gamma: number(0, 100), alpha: number(0, 100), classWeights: v.boolean() }),
  dropout: fraction,
  stochasticDepth: fraction,
  augment: v.strictObject({
    flip: v.boolean(),
    rotation: number(0, 180),
    brightness: fraction,
    contrast: fraction,
  }),
  bn: v.picklist(["average", "frozen"]),
});

/** Every number of a recipe, in the ranges that training needs. A warm-up of 1, for one, would divide by nothing. */
export const RecipeSchema: v.GenericSchema<unknown, Recipe> = v.pipe(
  fields,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      checkRecipe(dataset.value);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      addIssue({ expected: error.expected, received: error.got, message: error.message });
    }
  }),
);
