/** Loss scaling: one step whose gradients are not finite, amid many that are. */
import type { Engine } from "../../src/model/engine.ts";
import { check, type Say } from "./check.ts";
import { differing, mean } from "./compare.ts";
import { chunkOf, type Films, startWeights, trainingFilms } from "./films.ts";
import { findPlace, type Place } from "./place.ts";
import { readScalars, readState, type State, writeScalars, writeState } from "./state.ts";

const place = await findPlace();

/** A scale at which nothing overflows, in fp16 neither, and the good steps after which a scale doubles. */
const SAFE = 64, INTERVAL = 2000;

/** The smallest power of two at which the step `first` overflows from `state`; at half of it the step is done. */
async function overflowing(engine: Engine, place: Place, o: { films: Films; first: number; state: State }) {
  let fits = Math.log2(SAFE), skips = 127;
  while (skips - fits > 1) {
    const exponent = (fits + skips) >> 1;
    await writeState(place.libs, engine, {
      ...o.state,
      scalars: { ...o.state.scalars, scale: 2 ** exponent },
    });
    const { skipped } = await engine.train(o.films.data, chunkOf(place, 1, { first: o.first }));
    if (skipped > 0) skips = exponent;
    else fits = exponent;
  }
  await writeState(place.libs, engine, o.state);
  return 2 ** skips;
}

/** What a run ended with. */
interface Run {
  vector: Float32Array;
}

async function run(engine: Engine, place: Place, steps: number, say: Say): Promise<Run> {
  const { libs } = place, half = steps / 2;
  using films = await trainingFilms(place);
  const train = (first: number, count: number) => engine.train(films.data, chunkOf(place, count, { first }));
  await engine.writeVector(await startWeights(place));
  await writeScalars(libs, engine, { steps: 0, scale: SAFE, good: 0 });
  const before = await train(0, half);
  const state = await readState(libs, engine);
  const scale = await overflowing(engine, place, { films, first: half, state });
  say.notes("the scale that overflows, a power of 2", Math.log2(scale));

  await writeScalars(libs, engine, { ...state.scalars, scale });
  const { skipped, losses } = await train(half, 1);
  const after = await readState(libs, engine);
  say.holds("the step is skipped", skipped === 1);
  say.holds("its loss is finite", Number.isFinite(losses[0]));
  for (const part of ["m", "v", "vmax"] as const) {
    say.holds(`Adam's ${part} is untouched`, differing(after[part], state[part]) === 0);
  }
  const { weights } = engine.layout;
  const [now, then] = [after.vector.subarray(0, weights), state.vector.subarray(0, weights)];
  say.holds("weights are untouched", differing(now, then) === 0);
  say.holds("running statistics are finite", after.vector.every(Number.isFinite));
  const want = { steps: half, scale: scale / 2, good: 0 };
  say.holds("the scale halves", same(after.scalars, want), JSON.stringify(after.scalars));

  const rest = half - 1;
  await writeScalars(libs, engine, { ...after.scalars, scale: SAFE, good: INTERVAL - rest });
  const early = await train(half + 1, rest - 1), last = await train(steps - 1, 1);
  say.holds("no other step is skipped", before.skipped + early.skipped + last.skipped === 0);
  const grown = await readScalars(libs, engine);
  say.holds(
    "the scale grows after its interval",
    same(grown, { steps: steps - 1, scale: 2 * SAFE, good: 0 }),
    JSON.stringify(grown),
  );
  const all = Float32Array.of(...before.losses, ...early.losses, ...last.losses);
  const third = Math.floor(all.length / 3);
  const [begin, end] = [mean(all.subarray(0, third)), mean(all.subarray(-third))];
  say.holds("the loss goes on falling", end < begin, `${end} after ${begin}`);
  say.notes("mean loss of the last third", end);
  return { vector: await engine.readVector() };
}

function same(got: object, want: object): boolean {
  return JSON.stringify(got) === JSON.stringify(want);
}

let eager: Run | undefined;

for (const graph of [false, true]) {
  const group = `loss scaling, ${graph ? "graph" : "eager"}`;

  check(place, { group, name: "one gradient that is not finite" }, async (place, say) => {
    using engine = await place.engine({ precision: place.half, graph, deterministic: true });
    const got = await run(engine, place, place.gpu ? 200 : 10, say);
    if (!graph) eager = got;
    else if (eager) say.holds("the bits are those of eager", differing(got.vector, eager.vector) === 0);
  });

  check(place, { group, name: "a forward pass that is not finite" }, async (place, say) => {
    using films = await trainingFilms(place);
    using engine = await place.engine({ precision: place.half, graph });
    const start = await startWeights(place);
    await engine.writeVector(start);
    await writeScalars(place.libs, engine, { steps: 0, scale: SAFE, good: 0 });
    await engine.train(films.data, chunkOf(place, place.gpu ? 4 : 1));
    const { m, scalars } = await readState(place.libs, engine);
    const bad = Float32Array.from(start);
    bad[0] = Infinity; // the stem's: nothing behind it is finite
    await engine.writeVector(bad);
    const { skipped, losses } = await engine.train(films.data, chunkOf(place, 1));
    const after = await readState(place.libs, engine);
    say.holds("forward: the step is skipped", skipped === 1 && !Number.isFinite(losses[0]));
    say.holds("forward: weights, statistics are untouched", differing(after.vector, bad) === 0);
    say.holds("forward: Adam's m is untouched", differing(after.m, m) === 0);
    say.holds("forward: the scale halves", after.scalars.scale === scalars.scale / 2);
  });
}
