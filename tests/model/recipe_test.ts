import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { clipNorm, lrFactor, preset, type Recipe, scheduleOf } from "../../src/model/recipe.ts";

Deno.test("preset deck holds the deck's numbers", () => {
  const deck = preset("deck");
  assertEquals(deck.groups, { classifier: 12, stem: 2.5, backbone: 0.12 });
  assertEquals(deck.loss, { gamma: 2, alpha: 1, classWeights: true });
  assertEquals(deck.clip, { warmup: 3, after: 1.5 });
  assertEquals([deck.batch, deck.weightDecay, deck.warmup, deck.floor, deck.augment.rotation], [
    32,
    1e-4,
    0.15,
    0.05,
    10,
  ]);
  assert(deck.amsgrad && deck.augment.flip && deck.augment.brightness > 0 && deck.augment.contrast > 0);
});

Deno.test("preset default is one LR and plain BCE without augmentation", () => {
  const recipe = preset("default");
  assertEquals(recipe.groups, { classifier: 1, stem: 1, backbone: 1 });
  assertEquals(recipe.loss, { gamma: 0, alpha: 1, classWeights: false });
  assertEquals(recipe.augment, { flip: false, rotation: 0, brightness: 0, contrast: 0 });
  const { batch, lr, warmup, floor, clip } = recipe;
  assertEquals([batch, lr, warmup, floor, clip.warmup, clip.after], [11, 1e-3, 0.1, 0, 3, 3]);
});

Deno.test("among several silos default takes twice the learning rate and fixes statistics half way, unless others are given; deck stays the deck's", () => {
  for (const silos of [2, 3, 30]) {
    assertEquals(preset("default", {}, { silos }), { ...preset("default"), lr: 2e-3, bn: 0.5 });
    assertEquals(preset("default", { lr: 5e-4, bn: 1 }, { silos }), { ...preset("default"), lr: 5e-4 });
    assertEquals(preset("deck", {}, { silos }), preset("deck"));
  }
  assertEquals(preset("default", {}, { silos: 1 }), preset("default"));
});

Deno.test("preset hands out a copy and refuses numbers out of range, naming the field", () => {
  preset("default").groups.stem = 99;
  assertEquals(preset("default").groups.stem, 1);
  assertThrows(() => preset("nope" as "deck"), RangeError, "expected deck or default, got nope");
  assertThrows(() => preset("deck", { batch: 0 }), RangeError, "batch");
  assertThrows(() => preset("deck", { batch: 2.5 }), RangeError, "whole number");
  assertThrows(() => preset("deck", { lr: NaN }), RangeError, "lr");
  assertThrows(() => preset("deck", { bn: 1.5 }), RangeError, "bn");
});

Deno.test("scheduleOf fixes BatchNorm's statistics in whole rows, from the one on that begins where bn says", () => {
  const fixedRows = (bn: number, rounds: number) =>
    Array.from(
      { length: rounds },
      (_, row) =>
        scheduleOf(preset("default", { bn }), { p0: row / rounds, p1: (row + 1) / rounds, steps: 3 }).fixed,
    );
  assertEquals(fixedRows(1, 3), [false, false, false]);
  assertEquals(fixedRows(0, 2), [true, true]);
  assertEquals(fixedRows(0.5, 6), [false, false, false, true, true, true]);
  assertEquals(fixedRows(0.5, 3), [false, false, true]);
  assertEquals(fixedRows(0.5, 1), [false]);
  // Progress is rounded: a row that begins less than that before it counts.
  assertEquals(scheduleOf(preset("default", { bn: 0.3 }), { p0: 0.3 - 1e-12, p1: 1, steps: 1 }).fixed, true);
});

Deno.test("lrFactor rises linearly, peaks at the end of warm-up and follows the cosine to the floor", () => {
  const deck = preset("deck");
  assertEquals(lrFactor(deck, 0), 0);
  assertAlmostEquals(lrFactor(deck, 0.075), 0.5, 1e-12);
  assertEquals(lrFactor(deck, 0.15), 1);
  assertAlmostEquals(lrFactor(deck, 0.575), 0.05 + 0.95 / 2, 1e-12);
  assertAlmostEquals(lrFactor(deck, 1), 0.05, 1e-12);
  assertAlmostEquals(lrFactor(preset("default"), 1), 0, 1e-12);
});

Deno.test("clipNorm changes where warm-up ends", () => {
  assertEquals([clipNorm(preset("deck"), 0.149), clipNorm(preset("deck"), 0.15)], [3, 1.5]);
});

Deno.test("scheduleOf evaluates steps at their middles, so rows join without a seam", () => {
  const recipe: Recipe = preset("default", { warmup: 0 });
  const whole = scheduleOf(recipe, { p0: 0, p1: 1, steps: 8 });
  const halves = [[0, 0.5], [0.5, 1]].map(([p0, p1]) => scheduleOf(recipe, { p0, p1, steps: 4 }));
  assertEquals([...whole.lr], [...halves[0].lr, ...halves[1].lr]);
  assertEquals(whole.lr[0], Math.fround(lrFactor(recipe, 1 / 16)));
});

Deno.test("scheduleOf softens a round's first steps when asked", () => {
  const plain = preset("default", { warmup: 0 });
  const soft = { ...plain, roundWarmup: 3 };
  const row = { p0: 0.2, p1: 0.4, steps: 5 };
  const ratio = scheduleOf(soft, row).lr.map((x, i) => x / scheduleOf(plain, row).lr[i]);
  [0.25, 0.5, 0.75, 1, 1].forEach((expected, i) => assertAlmostEquals(ratio[i], expected, 1e-6));
});
