import { assertEquals, assertStringIncludes } from "@std/assert";
import { type RunValues, settingsOf } from "../../../src/cli/options/proposal.ts";
import { TRAINING } from "../../../src/cli/options/table/training.ts";
import { preset } from "../../../src/model/recipe.ts";

const values: RunValues = {
  ...{ network: "efficientnet_b0", size: 64, kernel: "lanczos3", channels: 1, recipe: "default", seed: 1 },
  silos: ["a", "b", "c"],
  rounds: 4,
};

Deno.test("settingsOf: the recipe is that of as many hospitals as there are silos, of one where the films are in one place", () => {
  const alone = settingsOf({ ...values, silos: ["a"] });
  const pooled = settingsOf(values, { hospitals: 1 });
  assertEquals([settingsOf(values).recipe.lr, alone.recipe.lr], [2e-3, 1e-3]);
  assertEquals(pooled.recipe, alone.recipe);
  assertEquals(settingsOf({ ...values, silos: ["a"] }, { hospitals: 1 }), alone); // one silo federated is `local`
});

Deno.test("settingsOf: a learning rate or a batch that is given holds for however many hospitals", () => {
  for (const hospitals of [1, 3]) {
    const { lr, batch } = settingsOf({ ...values, lr: 0.0005, batch: 32 }, { hospitals }).recipe;
    assertEquals([lr, batch], [0.0005, 32]);
  }
});

Deno.test("the help and the file that init writes have the numbers of the preset default", () => {
  const [alone, federated] = [1, 3].map((silos) => preset("default", {}, { silos }));
  assertEquals([TRAINING.lr.sample, TRAINING.batch.sample], [federated.lr, federated.batch]);
  const { more } = TRAINING.recipe;
  assertStringIncludes(more, `\`default\` has batches of ${alone.batch}, `);
  const [one, several] = [alone, federated].map(({ lr }) => String(lr).slice(1));
  assertStringIncludes(more, `one learning rate, ${one} and in a run of several hospitals ${several};`);
});
