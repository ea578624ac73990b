import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { FINDINGS } from "../../../src/data/findings.ts";
import { drawAnatomy, drawPhantom, type Hospital, HOSPITALS } from "../../../src/data/phantom/phantom.ts";
import { blurImage, toneScale } from "../../../src/data/phantom/film.ts";
import { comb, drawNuisance } from "../../../src/data/phantom/hospital.ts";
import { greyStatistics, logisticAuroc, pairAuroc, thumbnail } from "../logistic.ts";
import { seeded } from "../../testing/random.ts";

const SIZE = 64;
/** As many films of each hospital as the demo draws. */
const COUNTS = { train: 480, test: 256 } as const;
/** One; `FEDX_FILMS=all`: three. */
const SEEDS = Deno.env.get("FEDX_FILMS") === "all" ? [0, 1, 2] : [0];

interface Films {
  statistics: number[][];
  thumbnails: number[][];
  labels: number[];
}

/** Numbers about `COUNTS[split]` films of a hospital. */
function films(hospital: Hospital, o: { split: keyof typeof COUNTS; seed: number }): Films {
  const { split, seed } = o;
  const random = seeded(1000 * seed + hospital.name.charCodeAt(0) * 8 + (split === "train" ? 1 : 2));
  const found: Films = { statistics: [], thumbnails: [], labels: [] };
  for (let i = 0; i < COUNTS[split]; i++) {
    const finding = random() < hospital.prevalence;
    const { pixels } = drawPhantom(hospital, { size: SIZE, finding, split, random });
    found.statistics.push(greyStatistics(pixels));
    found.thumbnails.push(thumbnail(pixels, SIZE));
    found.labels.push(finding ? 1 : 0);
  }
  return found;
}

let drawn: { train: Films; test: Films }[] | undefined;

/** The films of all hospitals for every seed, drawn once. */
function all(): { train: Films; test: Films }[] {
  return drawn ??= SEEDS.flatMap((seed) =>
    Object.values(HOSPITALS).map((hospital) => ({
      train: films(hospital, { split: "train", seed }),
      test: films(hospital, { split: "test", seed }),
    }))
  );
}

function fit(set: { train: Films; test: Films }, key: "statistics" | "thumbnails"): number {
  const of = ({ labels, [key]: features }: Films) => ({ labels, features });
  return logisticAuroc(of(set.train), of(set.test));
}

Deno.test("logisticAuroc: finds a brightness that does tell (the checks below are no blind eye)", () => {
  const random = seeded(3);
  const make = (count: number) => {
    const labels = Array.from({ length: count }, () => random() < 0.4 ? 1 : 0);
    return { labels, features: labels.map((y) => [random() + 0.8 * y, random(), 5]) };
  };
  assert(logisticAuroc(make(400), make(400)) > 0.9);
});

Deno.test("drawPhantom: mean, deviation and histogram do not tell (AUROC ≤ .65 within each hospital)", () => {
  const aurocs = all().map((set) => fit(set, "statistics"));
  console.log(`grey statistics: ${aurocs.map((a) => a.toFixed(3)).join(", ")}`);
  for (const auroc of aurocs) assert(auroc <= 0.65, `${auroc}`);
});

Deno.test("drawPhantom: 8 × 8 thumbnails tell little (AUROC ≤ .70 within each hospital)", () => {
  const aurocs = all().map((set) => fit(set, "thumbnails"));
  console.log(`thumbnails: ${aurocs.map((a) => a.toFixed(3)).join(", ")}`);
  for (const auroc of aurocs) assert(auroc <= 0.7, `${auroc}`);
});

Deno.test("HOSPITALS: the hospital alone does not tell (AUROC ≤ .65 of prevalence over all test films)", () => {
  const scores: number[] = [], labels: number[] = [];
  all().forEach(({ test, train }) => {
    const prevalence = train.labels.reduce((a, b) => a + b, 0) / train.labels.length;
    scores.push(...test.labels.map(() => prevalence));
    labels.push(...test.labels);
  });
  const auroc = pairAuroc(scores, labels);
  console.log(`hospital alone: ${auroc.toFixed(3)}`);
  assert(auroc <= 0.65, `${auroc}`);
});

Deno.test("drawPhantom: exactly the films with a finding name one, all in NIH's words and of every kind", () => {
  const random = seeded(11);
  const seen = new Set<string>();
  for (let i = 0; i < 120; i++) {
    const finding = i % 2 === 0;
    const { findings } = drawPhantom(HOSPITALS.b, { size: 16, finding, split: "train", random });
    assertEquals(findings.length > 0, finding);
    assertEquals(new Set(findings).size, findings.length);
    for (const name of findings) seen.add(name);
  }
  assert([...seen].every((name) => (FINDINGS as readonly string[]).includes(name)));
  assertEquals([...seen].sort(), ["Cardiomegaly", "Consolidation", "Effusion", "Mass", "Nodule"]);
});

Deno.test("drawPhantom: the same numbers draw the same film, others another", () => {
  const draw = (seed: number) =>
    drawPhantom(HOSPITALS.c, { size: SIZE, finding: true, split: "val", random: seeded(seed) }).pixels;
  assertEquals(draw(1), draw(1));
  assertNotEquals(draw(1), draw(2));
});

Deno.test("drawPhantom: two films of one patient share the anatomy and are not the same film", () => {
  const random = seeded(4);
  const anatomy = drawAnatomy(random);
  const draw = () =>
    drawPhantom(HOSPITALS.a, { size: 32, finding: false, split: "train", random, anatomy }).pixels;
  assertNotEquals(draw(), draw());
});

Deno.test("drawNuisance: no value of a test film lies where train or val values lie", () => {
  const random = seeded(9);
  const share = (x: number) => (x * 8) % 1;
  for (let i = 0; i < 2000; i++) {
    assert(share(comb("train", random)) < 0.5);
    const val = share(comb("val", random)), test = share(comb("test", random));
    assert(val > 0.51 && val < 0.69 && test > 0.69);
  }
  const { device } = HOSPITALS.a;
  const gamma = (split: "train" | "test") => drawNuisance(device, { split, random }).gamma;
  const [low, high] = device.gamma;
  for (let i = 0; i < 200; i++) {
    assert(share((gamma("train") - low) / (high - low)) < 0.5 + 1e-9);
    assert(share((gamma("test") - low) / (high - low)) > 0.7 - 1e-9);
  }
});

Deno.test("toneScale: grey levels follow rank only, so that any two films share one histogram", () => {
  const random = seeded(2);
  const exposure = { blur: 0, grain: 0, gamma: 1.3, black: 10, white: 240 };
  const field = [2, 0, SIZE, SIZE - 5] as const;
  const histogram = (shift: number, scale: number) => {
    const image = Float32Array.from({ length: SIZE * SIZE }, () => shift + scale * random());
    return greyStatistics(toneScale(image, SIZE, { field, exposure }));
  };
  assertEquals(histogram(0, 1), histogram(-0.5, 0.2));
});

Deno.test("blurImage: keeps the mean of an even image and spreads a point", () => {
  const image = new Float32Array(32 * 32);
  image[16 * 32 + 16] = 1;
  blurImage(image, 32, 1);
  assert(Math.abs(image.reduce((a, b) => a + b, 0) - 1) < 1e-5);
  assert(Math.abs(image[16 * 32 + 16] - 0.159) < 0.01);
});
