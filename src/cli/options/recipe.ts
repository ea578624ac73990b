import { preset, type Recipe } from "../../model/recipe.ts";

/** The training options of `aggregate` and `local` that replace numbers of a preset. */
export interface RecipeOptions {
  recipe: string;
  lr?: number;
  batch?: number;
  augment?: boolean;
  bn?: string;
  "local-epochs"?: number;
}

/** What `--augment` switches on: the numbers of `deck`. */
const AUGMENT = preset("deck").augment;
const NO_AUGMENT: Recipe["augment"] = { flip: false, rotation: 0, brightness: 0, contrast: 0 };

/** A preset with the numbers that the operator gave. */
export function recipeOf(options: RecipeOptions): Recipe {
  return preset(options.recipe as "default" | "deck", {
    ...options.lr !== undefined && { lr: options.lr },
    ...options.batch !== undefined && { batch: options.batch },
    ...options.augment !== undefined && { augment: options.augment ? AUGMENT : NO_AUGMENT },
    ...options.bn !== undefined && { bn: options.bn as Recipe["bn"] },
    ...options["local-epochs"] !== undefined && { localEpochs: options["local-epochs"] },
  });
}
