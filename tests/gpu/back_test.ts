/** Weights that were trained on a GPU score the same films alike on the CPU. */
import { auroc } from "../../src/model/metrics/metrics.ts";
import { check } from "./check.ts";
import { farthest } from "./compare.ts";
import { chunkOf, scoredFilms, scoresOf, startWeights, trainingFilms } from "./films.ts";
import { findPlace } from "./place.ts";

const place = await findPlace();

check(place, { group: "the weights on the CPU", name: "the same scores" }, async (place, say) => {
  using films = await trainingFilms(place);
  using scored = await scoredFilms(place);
  using trainer = await place.engine({ precision: place.half, graph: true, recipe: { lr: 5e-4 } });
  await trainer.writeVector(await startWeights(place));
  await trainer.train(films.data, chunkOf(place, place.gpu ? 100 : 6));
  const vector = await trainer.readVector();
  using scorer = await place.engine();
  using cpu = await place.cpuEngine();
  for (const engine of [scorer, cpu]) await engine.writeVector(vector);
  const [ours, theirs] = [await scoresOf(scorer, scored), await scoresOf(cpu, scored)];
  const [area, areaCpu] = [auroc(ours, scored.labels), auroc(theirs, scored.labels)];
  say.keeps("back", farthest(ours, theirs));
  say.keeps("backAuroc", Math.abs(area - areaCpu));
  say.notes("AUROC", area);
  say.holds("the model has learned: AUROC above 0.7", area > 0.7, String(area));
});
