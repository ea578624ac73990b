/** What engines leave behind, how several share one GPU, and what happens where its memory is not enough. */
import { DataSet } from "../../src/model/data_set.ts";
import { NativeError } from "../../src/model/engine.ts";
import { liveHandles } from "../../src/model/shutdown.ts";
import { check } from "./check.ts";
import { differing } from "./compare.ts";
import { chunkOf, scoresOf, startWeights, stripesInNoise, trainingFilms } from "./films.ts";
import { findPlace, type Place } from "./place.ts";

const group = "engines and memory";
const place = await findPlace();

check(place, { group, name: "20 engines one after the other" }, async (place, say) => {
  const before = liveHandles(), start = await startWeights(place);
  for (let i = 0; i < 20; i++) {
    using engine = await place.engine({ precision: place.half });
    using films = await stripesInNoise(place, { films: 8, seed: i });
    await engine.writeVector(start);
    await scoresOf(engine, films);
  }
  say.holds("20 engines leave no handle", liveHandles() === before, `${liveHandles() - before} are left`);
});

/** The weights after a few steps of a silo; three of them are three hospitals on one GPU. */
async function trained(place: Place, silo: number): Promise<Float32Array> {
  using engine = await place.engine({ precision: place.half, graph: true, deterministic: true, silo });
  using films = await trainingFilms(place);
  await engine.writeVector(await startWeights(place));
  const steps = place.gpu ? 10 : 1;
  for (let k = 0; k < 2; k++) await engine.train(films.data, chunkOf(place, steps, { first: k * steps }));
  return await engine.readVector();
}

check(place, { group, name: "three engines at once" }, async (place, say) => {
  const silos = [1, 2, 3], alone: Float32Array[] = [];
  for (const silo of silos) alone.push(await trained(place, silo));
  const beside = await Promise.all(silos.map((silo) => trained(place, silo)));
  say.holds(
    "three at once give the bits of one alone",
    beside.every((one, i) => differing(one, alone[i]) === 0),
  );
  say.holds(
    "three silos have three results",
    differing(alone[0], alone[1]) > 0 && differing(alone[1], alone[2]) > 0,
  );
});

check(place, { group, name: "a batch that does not fit" }, async (place, say) => {
  const name = "a batch that does not fit is refused";
  if (!place.gpu) return say.onlyOnGpu(name);
  const size = 1024, batch = 4096; // the first convolution alone gives 137 GB
  {
    using engine = await place.engine({ size, recipe: { batch } });
    using film = await DataSet.create(place.libs, { n: 1, size });
    const one = (value: number) => new Float32Array(1).fill(value);
    const chunk = { firstStep: 0, lr: one(1), clip: one(3), indices: new Uint32Array(batch) };
    const error = await engine.train(film, chunk).then(() => null, (error) => error);
    const clear = error instanceof NativeError && error.code === "memory" && !error.message.includes("\n");
    say.holds(name, clear, String(error?.message));
    say.notes("what it says", String(error?.message));
    const [score] = await engine.predict(film, new Uint32Array(1));
    say.holds("the same engine goes on", Number.isFinite(score));
  }
  const after = await trained(place, 1);
  say.holds("another engine goes on", after.every(Number.isFinite));
});
