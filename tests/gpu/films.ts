/** What the checks train with and score: films that a few steps learn to tell apart, and the weights to start from. */
import { DataSet } from "../../src/model/data_set.ts";
import { layoutOf } from "../../src/model/layout.ts";
import type { Chunk, Engine } from "../../src/model/engine.ts";
import { randomWeights } from "../../src/model/weights/random.ts";
import { seeded } from "../testing/random.ts";
import type { Place } from "./place.ts";

/** Films, and whether each is striped: its label. */
export interface Films extends Disposable {
  data: DataSet;
  labels: Uint8Array;
}

/** Half the height of the noise that the stripes stand in, grey levels. */
const NOISE = 50;

/** Noisy films, every other one striped at an offset of its own. */
export async function stripesInNoise(
  { libs, scale }: Place,
  { films, seed }: { films: number; seed: number },
): Promise<Films> {
  const { size } = scale, random = seeded(seed);
  const pixels = new Uint8Array(films * size * size);
  for (let film = 0; film < films; film++) {
    const offset = Math.floor(random() * 8), base = 80 + 60 * random(), height = film % 2 * scale.stripes;
    for (let i = 0; i < size * size; i++) {
      const stripe = (i % size + offset >> 2 & 1) * 2 - 1;
      pixels[film * size * size + i] = base + height * stripe + NOISE * (2 * random() - 1);
    }
  }
  const data = await DataSet.create(libs, { n: films, size });
  await data.put(0, pixels);
  const labels = Uint8Array.from({ length: films }, (_, film) => film % 2);
  data.labels(0, labels);
  return { data, labels, [Symbol.dispose]: () => data[Symbol.dispose]() };
}

/** The films to train with. */
export const trainingFilms = (place: Place) => stripesInNoise(place, { films: place.scale.films, seed: 1 });

/** Others, to score. */
export const scoredFilms = (place: Place) => stripesInNoise(place, { films: place.scale.scored, seed: 2 });

/** Steps over all films in a new order each time they have been through; `lr` is the factor of the recipe's rate. */
export function chunkOf(
  { scale }: Place,
  steps: number,
  options: { first?: number; lr?: number } = {},
): Chunk {
  const { first = 0, lr = 1 } = options;
  const from = first * scale.batch;
  const order = rows(scale.films, from + steps * scale.batch);
  return {
    firstStep: first,
    lr: new Float32Array(steps).fill(lr),
    clip: new Float32Array(steps).fill(3),
    indices: order.subarray(from),
  };
}

function rows(films: number, count: number): Uint32Array {
  const random = seeded(3), order = new Uint32Array(count);
  for (let at = 0; at < count; at += films) {
    const pass = Array.from({ length: films }, (_, film) => ({ film, key: random() }));
    pass.sort((a, b) => a.key - b.key);
    order.set(pass.slice(0, count - at).map(({ film }) => film), at);
  }
  return order;
}

/** Scores of all films, in their order. */
export function scoresOf(engine: Engine, { data }: Films): Promise<Float32Array> {
  return engine.predict(data, Uint32Array.from({ length: data.n }, (_, film) => film));
}

let start: Promise<Float32Array> | undefined;

/** Random weights with the running statistics of the films to train with. */
export function startWeights(place: Place): Promise<Float32Array> {
  return start ??= makeStart(place);
}

/**
 * With the statistics 0 and 1 that a network begins with, a signal fades away from layer to layer until the logits of
 * all films are the same zero. So the statistics are those of one step at learning rate 0: started at 0, they are a
 * tenth of the batch's own after it.
 */
async function makeStart(place: Place): Promise<Float32Array> {
  const batch = 64;
  using engine = await place.cpuEngine({ recipe: { batch, dropout: 0, stochasticDepth: 0 } });
  using films = await trainingFilms(place);
  const layout = layoutOf("efficientnet_b0", { channels: 1 });
  const vector = randomWeights(layout, 5);
  vector.fill(0, layout.weights);
  await engine.writeVector(vector);
  const indices = Uint32Array.from({ length: batch }, (_, film) => film);
  const one = (value: number) => new Float32Array(1).fill(value);
  await engine.train(films.data, { firstStep: 0, lr: one(0), clip: one(1), indices });
  return (await engine.readVector()).map((value, i) => i < layout.weights ? value : value * 10);
}
