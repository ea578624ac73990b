/** fp32: a GPU against the CPU's own loops. TF32 would be caught here. */
import type { Engine } from "../../src/model/engine.ts";
import { check } from "./check.ts";
import { apart, farthest, relative } from "./compare.ts";
import { chunkOf, type Films, scoredFilms, scoresOf, startWeights, trainingFilms } from "./films.ts";
import { findPlace, type Place } from "./place.ts";

const group = "fp32, GPU against CPU";
const place = await findPlace({ always: true });

/** Both engines. */
interface Pair extends Disposable {
  ours: Engine;
  cpu: Engine;
}

async function pair(place: Place): Promise<Pair> {
  const recipe = { lr: 1e-4 };
  const ours = await place.engine({ recipe });
  const cpu = await place.cpuEngine({ recipe });
  const start = await startWeights(place);
  for (const engine of [ours, cpu]) await engine.writeVector(start);
  return { ours, cpu, [Symbol.dispose]: () => [ours, cpu].forEach((engine) => engine[Symbol.dispose]()) };
}

/** The vectors of both after the same steps. */
async function trained({ ours, cpu }: Pair, films: Films, place: Place, steps: number) {
  const chunk = { ...chunkOf(place, steps), clip: new Float32Array(steps).fill(Infinity) };
  const [{ losses: got, norms }, want] = [
    await ours.train(films.data, chunk),
    await cpu.train(films.data, chunk),
  ];
  const vectors = {
    got: await ours.readVector(),
    want: await cpu.readVector(),
    start: await startWeights(place),
  };
  return { got, norms, want, tensors: apart(ours.layout, vectors) };
}

check(place, { group, name: "logits, the first losses and gradient norm" }, async (place, say) => {
  using both = await pair(place);
  using films = await trainingFilms(place);
  using others = await scoredFilms(place);
  say.notes("device", both.ours.info.device);
  const [got, want] = [await scoresOf(both.ours, others), await scoresOf(both.cpu, others)];
  say.holds("the films' logits differ from each other", Math.max(...want) - Math.min(...want) > 0.1);
  say.keeps("logits32", farthest(got, want));
  const first = await trained(both, films, place, 1);
  say.keeps("loss32", relative(first.got[0], first.want.losses[0]));
  say.keeps("norm32", relative(first.norms[0], first.want.norms[0]));
});

/**
 * Adam's first steps move each weight by about the learning rate, whatever the size of its gradient, so where a gradient
 * is mathematically 0 its rounding errors decide where the weight goes: the biases that end a block, which the
 * BatchNorm behind the next 1×1 convolution takes out again. That BatchNorm's running mean goes with them.
 */
const UNDECIDED = /block\.[23]\.1\.bias$|block\.0\.1\.running_mean$|features\.8\.1\.running_mean$/;

check(place, { group, name: "weights after some steps" }, async (place, say) => {
  using both = await pair(place);
  using films = await trainingFilms(place);
  const steps = place.gpu ? 20 : 4;
  const { got, want, tensors } = await trained(both, films, place, steps);
  const decided = tensors.filter(({ name }) => !UNDECIDED.test(name));
  say.notes("steps", steps);
  say.notes("weights that their gradients decide", decided.length, `of ${tensors.length}`);
  say.keeps("losses32", farthest(got, want.losses));
  say.keeps("weights32", decided[0].share, { of: decided[0].name });
});
