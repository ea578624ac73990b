/**
 * From densities to a film: blur, grain, collimation, the device's tone scale, a side marker.
 *
 * Why the tone scale ranks: like a radiography device's automatic processing it maps each film's densities to a target
 * distribution by rank. The target is drawn without regard to findings, so mean, deviation and histogram of a film
 * carry no trace of them, whatever the findings look like.
 */

import { between, type Random } from "./body.ts";

/** A device's share of a film's look; each pair is a range from which a film's value is drawn. */
export interface Device {
  /** Blur, pixels at 64 px (standard deviation). */
  blur: readonly [number, number];
  /** Grain, density units. */
  grain: readonly [number, number];
  /** 0: grain independent from pixel to pixel; 1: smeared over neighbours. */
  smear: number;
  /** Exponent of the tone scale; above 1 = darker films. */
  gamma: readonly [number, number];
  /** Darkest and brightest grey level within the field. */
  black: readonly [number, number];
  white: readonly [number, number];
  /** Share of the field cut off at each edge by the collimator, at most. */
  collimation: number;
  /** Share of films with a side marker. */
  marker: number;
}

/** What one film drew from its device. */
export interface Exposure {
  blur: number;
  grain: number;
  gamma: number;
  black: number;
  white: number;
}

/** Standard normal, Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** In-place separable Gaussian blur of (size, size) values; edges repeat. */
export function blurImage(image: Float32Array, size: number, sigma: number): void {
  const reach = Math.max(1, Math.ceil(2.5 * sigma));
  const weights = Array.from({ length: reach + 1 }, (_, i) => Math.exp(-i * i / (2 * sigma * sigma)));
  const total = weights.reduce((sum, w, i) => sum + (i ? 2 * w : w), 0);
  const line = new Float32Array(size + 2 * reach);
  for (const [step, stride] of [[1, size], [size, 1]]) {
    for (let row = 0; row < size; row++) {
      const start = row * stride;
      for (let i = 0; i < line.length; i++) {
        line[i] = image[start + Math.min(size - 1, Math.max(0, i - reach)) * step];
      }
      for (let i = 0; i < size; i++) {
        let sum = weights[0] * line[i + reach];
        for (let k = 1; k <= reach; k++) sum += weights[k] * (line[i + reach - k] + line[i + reach + k]);
        image[start + i * step] = sum / total;
      }
    }
  }
}

/** Adds grain of standard deviation `grain` (density units). */
export function addGrain(
  image: Float32Array,
  size: number,
  o: { grain: number; smear: number; random: Random },
) {
  const noise = Float32Array.from(image, () => normal(o.random));
  if (o.smear > 0) blurImage(noise, size, 0.35 + 0.5 * o.smear);
  let power = 0;
  for (const x of noise) power += x * x;
  const scale = o.grain / Math.sqrt(power / noise.length);
  for (let i = 0; i < image.length; i++) image[i] += scale * noise[i];
}

/** A rectangle of pixels: left, top, right, bottom; the last two are the first outside. */
export type Field = readonly [number, number, number, number];

/** What the collimator leaves open: it takes up to `limit` of the film at an edge, but nothing of `keep`. */
export function drawField(random: Random, size: number, o: { limit: number; keep: Field }): Field {
  const cut = () => random() < 0.5 ? 0 : Math.round(between(random, 0, o.limit) * size);
  const [left, top, right, bottom] = [cut(), cut(), size - cut(), size - cut()];
  return [
    Math.min(left, o.keep[0]),
    Math.min(top, o.keep[1]),
    Math.max(right, o.keep[2]),
    Math.max(bottom, o.keep[3]),
  ];
}

/** Maps densities inside `field` to grey levels by rank; outside it the film is black. */
export function toneScale(
  image: Float32Array,
  size: number,
  o: { field: Field; exposure: Exposure },
): Uint8Array {
  const [left, top, right, bottom] = o.field;
  const keys = new Float64Array((right - left) * (bottom - top));
  let n = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const at = y * size + x;
      keys[n++] = Math.round((image[at] + 4) * 2 ** 28) * 2 ** 20 + at;
    }
  }
  keys.sort();
  const { black, white, gamma } = o.exposure;
  const film = new Uint8Array(size * size);
  for (let rank = 0; rank < n; rank++) {
    film[keys[rank] % 2 ** 20] = Math.round(black + (white - black) * ((rank + 0.5) / n) ** gamma);
  }
  return film;
}

const LETTERS = { L: ["100", "100", "100", "100", "111"], R: ["110", "101", "110", "101", "101"] };

/** Burns the letter of a side into a corner. */
export function burnMarker(film: Uint8Array, size: number, random: Random): void {
  const letter = LETTERS[random() < 0.5 ? "L" : "R"];
  const scale = Math.max(1, Math.round(size / 64)) * (random() < 0.4 ? 2 : 1);
  const left = random() < 0.5 ? between(random, 0.02, 0.12) : between(random, 0.78, 0.88);
  const top = between(random, 0.02, 0.16), level = Math.round(between(random, 215, 255));
  for (let y = 0; y < 5 * scale; y++) {
    for (let x = 0; x < 3 * scale; x++) {
      if (letter[Math.floor(y / scale)][Math.floor(x / scale)] === "0") continue;
      film[(Math.floor(top * size) + y) * size + Math.floor(left * size) + x] = level;
    }
  }
}
