/** A recorded step that is replayed (graph) against the same steps queued one by one (eager). */
import type { Engine } from "../../src/model/engine.ts";
import { check, type Say } from "./check.ts";
import { differing, farthest } from "./compare.ts";
import { chunkOf, type Films, scoredFilms, scoresOf, startWeights, trainingFilms } from "./films.ts";
import { findPlace, type Place } from "./place.ts";
import { readState, type State, writeScalars } from "./state.ts";

const place = await findPlace();

/** What a run gave: all losses and norms in their order, scores on the way, the state at its end. */
interface Run {
  losses: Float32Array;
  norms: Float32Array;
  scores: Float32Array;
  skipped: number;
  state: State;
}

/**
 * Everything that could leave a recording behind the times: chunks of several lengths, new weights, a loss scale
 * from outside, labels that changed, other films, and scoring in between.
 */
async function run(engine: Engine, place: Place, parts: readonly number[]): Promise<Run> {
  const [first, reset, short, relabelled, other] = parts;
  const start = await startWeights(place);
  using films = await trainingFilms(place);
  using others = await trainingFilms(place);
  using scored = await scoredFilms(place);
  const losses: number[] = [], norms: number[] = [];
  let skipped = 0, done = 0;
  const train = async ({ data }: Films, steps: number) => {
    const result = await engine.train(data, chunkOf(place, steps, { first: done, lr: done === 0 ? 1 : 0.5 }));
    losses.push(...result.losses);
    norms.push(...result.norms);
    skipped += result.skipped;
    done += steps;
  };
  await engine.writeVector(start);
  await train(films, first);
  await engine.writeVector(start.map((value, i) => i % 2 ? value : value * 0.99));
  await engine.resetOptimizer();
  await train(films, reset);
  await writeScalars(place.libs, engine, { steps: 5, scale: 1024, good: 1990 });
  for (let k = 0; k < short; k++) await train(films, 1);
  films.data.labels(0, films.labels.map((label, i) => i % 5 ? label : 1 - label));
  await train(films, relabelled);
  const scores = await scoresOf(engine, scored);
  await train(others, other);
  const state = await readState(place.libs, engine);
  const [a, b] = [losses, norms].map((list) => Float32Array.from(list));
  return { losses: a, norms: b, scores, skipped, state };
}

/** Both made `deterministic`: then the same kernels run in the same order, and every bit is the same. */
async function compare(place: Place, precision: "fp32" | Place["half"], say: Say): Promise<void> {
  const parts = place.gpu ? [110, 30, 10, 20, 30] : [4, 1, 1, 1, 4];
  const runs: Run[] = [];
  for (const graph of [false, true]) {
    using engine = await place.engine({ precision, graph, deterministic: true, recipe: { lr: 1e-4 } });
    runs.push(await run(engine, place, parts));
  }
  const [eager, graph] = runs;
  say.notes("steps", eager.losses.length);
  const first = eager.losses.findIndex((loss, i) => graph.losses[i] !== loss);
  const far = `the first of other bits is that of step ${first}; the farthest is ${
    farthest(graph.losses, eager.losses).toExponential(1)
  } away`;
  say.holds("losses have the same bits", differing(graph.losses, eager.losses) === 0, far);
  say.holds("gradient norms have the same bits", differing(graph.norms, eager.norms) === 0);
  say.holds("scores on the way have the same bits", differing(graph.scores, eager.scores) === 0);
  for (const part of ["vector", "m", "v", "vmax"] as const) {
    const name = part === "vector" ? "weights have" : `Adam's ${part} has`;
    const others = differing(graph.state[part], eager.state[part]);
    say.holds(`${name} the same bits`, others === 0, `${others} values of other bits`);
  }
  const scalars = runs.map(({ state, skipped }) => JSON.stringify({ ...state.scalars, skipped }));
  say.holds("step count, loss scale, skips are the same", scalars[0] === scalars[1], scalars.join(" and "));
  say.notes("steps skipped", eager.skipped);
}

for (const precision of ["fp32", "half"] as const) {
  const named = precision === "fp32" ? precision : place?.half ?? "fp16";
  check(place, { group: `${named}, graph against eager`, name: "the same bits" }, (place, say) => {
    return compare(place, precision === "fp32" ? precision : place.half, say);
  });
}
