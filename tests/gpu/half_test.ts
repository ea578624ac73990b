/** fp16 and bf16 against fp32: the same scores, the same course of training, the same model in the end. */
import { auroc } from "../../src/model/metrics/metrics.ts";
import { type BoundName, REHEARSED } from "./bounds.ts";
import { check } from "./check.ts";
import { farthest, mean, relative, shareOfSpread } from "./compare.ts";
import { chunkOf, type Films, scoredFilms, scoresOf, startWeights, trainingFilms } from "./films.ts";
import { findPlace, type Place } from "./place.ts";
import { writeScalars } from "./state.ts";

const place = await findPlace();

type Precision = "fp32" | "fp16" | "bf16";

/**
 * The loss scale to begin with. From a new engine's 65536 fp16 may skip its first steps until the scale fits, and the
 * course of the losses would be compared a few steps late.
 */
const SCALE = 256;

/** What training in a precision came to. */
interface Trained {
  losses: Float32Array;
  norms: Float32Array;
  skipped: number;
  /** Of its own model, in its own precision. */
  area: number;
  vector: Float32Array;
}

async function train(place: Place, precision: Precision, scored: Films): Promise<Trained> {
  using engine = await place.engine({ precision, recipe: { lr: 5e-4 } });
  using films = await trainingFilms(place);
  await engine.writeVector(await startWeights(place));
  await writeScalars(place.libs, engine, { steps: 0, scale: SCALE, good: 0 });
  const { losses, norms, skipped } = await engine.train(films.data, chunkOf(place, place.gpu ? 100 : 10));
  const scores = await scoresOf(engine, scored);
  return { losses, norms, skipped, area: auroc(scores, scored.labels), vector: await engine.readVector() };
}

/** Scores of a model in a precision. */
async function scoresIn(place: Place, precision: Precision, vector: Float32Array, films: Films) {
  using engine = await place.engine({ precision });
  await engine.writeVector(vector);
  return await scoresOf(engine, films);
}

/** How many of its first steps an engine skips from the loss scale that it has when it is new. */
async function skippedWhenNew(place: Place, precision: Precision): Promise<number> {
  using engine = await place.engine({ precision });
  using films = await trainingFilms(place);
  await engine.writeVector(await startWeights(place));
  return (await engine.train(films.data, chunkOf(place, 12))).skipped;
}

const BOUNDED: Record<"fp16" | "bf16", Record<"logits" | "norm" | "loss" | "auroc", BoundName>> = {
  fp16: { logits: "logits16", norm: "norm16", loss: "loss16", auroc: "auroc16" },
  bf16: { logits: "logitsB16", norm: "normB16", loss: "lossB16", auroc: "aurocB16" },
};

let single: Promise<Trained> | undefined;

for (const precision of ["fp16", "bf16"] as const) {
  const group = `${precision} against fp32`;
  check(place, { group, name: "scores, losses and the model" }, async (place, say) => {
    if (precision === "fp16" && !place.gpu) return say.onlyOnGpu("all of it");
    using scored = await scoredFilms(place);
    const want = await (single ??= train(place, "fp32", scored));
    const got = await train(place, precision, scored);
    const full = await scoresIn(place, "fp32", want.vector, scored);
    const lower = await scoresIn(place, precision, want.vector, scored);
    const names = BOUNDED[precision], times = place.gpu ? 1 : REHEARSED;
    say.keeps(names.logits, shareOfSpread(lower, full), { times });
    say.notes("the farthest logit", farthest(lower, full));
    say.keeps(names.norm, relative(got.norms[0], want.norms[0]), { times });
    say.keeps(names.loss, relative(mean(got.losses), mean(want.losses)), { times });
    say.keeps(names.auroc, Math.abs(got.area - want.area), { times });
    say.notes("AUROC of the model trained in fp32", want.area);
    say.notes("steps", want.losses.length);
    say.notes("steps skipped", got.skipped);
    if (place.gpu) say.notes("of a new engine's first 12, skipped", await skippedWhenNew(place, precision));
    else say.onlyOnGpu("of a new engine's first 12, skipped");
    say.holds("its losses are not those of fp32", got.losses.some((loss, i) => loss !== want.losses[i]));
    const third = Math.floor(got.losses.length / 3);
    say.holds("the loss falls", mean(got.losses.subarray(-third)) < mean(got.losses.subarray(0, third)));
  });
}
