/**
 * Phantoms: drawn chest films with known findings, for the demo and for tests.
 *
 * A model must look at them. The tone scale ranks (film.ts), so grey-level statistics know nothing of the
 * findings; the mean density of the lungs is evened out, so coarse thumbnails know little; benign shadows beside the
 * lungs look like findings; and the hospitals differ in device and prevalence only as far as `HOSPITALS` says.
 */

import { type Split, SPLITS } from "../manifest.ts";
import { type Anatomy, chestAt, drawAnatomy, lungAt, type Random } from "./body.ts";
import { addGrain, blurImage, burnMarker, drawField, type Field, toneScale } from "./film.ts";
import { type Disease, drawBenign, drawDisease, type Shadow } from "./finding.ts";
import { drawNuisance, type Hospital, type Nuisance } from "./hospital.ts";

export { type Anatomy, drawAnatomy, type Random } from "./body.ts";
export { type Hospital, HOSPITALS } from "./hospital.ts";

/** What to draw. */
export interface PhantomOptions {
  /** Height and width, pixels. */
  size: number;
  /** Whether the film shows a finding. */
  finding: boolean;
  /** Whose nuisance parameters it takes. */
  split: Split;
  random: Random;
  /** A patient's anatomy, for a further film of the same patient. @default drawn */
  anatomy?: Anatomy;
}

/** A drawn film: (size, size) u8 and the names of its findings (NIH's; empty = No Finding). */
export interface Phantom {
  pixels: Uint8Array;
  findings: string[];
}

/** Draws one film. */
export function drawPhantom(hospital: Hospital, options: PhantomOptions): Phantom {
  const { size, finding, split, random } = options;
  if (!SPLITS.includes(split)) throw new TypeError(`Cannot draw a phantom: expected a split, got ${split}`);
  const { device } = hospital;
  const nuisance = drawNuisance(device, { split, random });
  const anatomy = options.anatomy ?? drawAnatomy(random);
  const disease: Disease = finding ? drawDisease(random, anatomy) : { findings: [], shadows: [], anatomy };
  const benign = drawBenign(random, disease.anatomy);
  const { image, lungs } = project({ size, nuisance, disease, benign });
  blurImage(image, size, nuisance.blur * size / 64);
  addGrain(image, size, { grain: nuisance.grain, smear: device.smear, random });
  const field = drawField(random, size, { limit: device.collimation, keep: bounds(lungs, size) });
  const pixels = toneScale(image, size, { field, exposure: nuisance });
  if (random() < device.marker) burnMarker(pixels, size, random);
  return { pixels, findings: disease.findings };
}

interface Scene {
  size: number;
  nuisance: Nuisance;
  disease: Disease;
  benign: Shadow[];
}

/** A scene's densities with the lungs' mean as if nothing were in them, and where lung is; both (size, size). */
function project({ size, nuisance, disease, benign }: Scene): { image: Float32Array; lungs: Float32Array } {
  const image = new Float32Array(size * size), lungs = new Float32Array(size * size);
  const { tilt, zoom, shiftU, shiftV } = nuisance;
  const cos = Math.cos(tilt) / zoom, sin = Math.sin(tilt) / zoom;
  let air = 0, filled = 0;
  for (let i = 0; i < image.length; i++) {
    const x = (i % size + 0.5) * 2 / size - 1 - shiftU;
    const y = (Math.floor(i / size) + 0.5) * 2 / size - 1 - shiftV;
    const u = cos * x + sin * y, v = cos * y - sin * x;
    const { density, lung } = chestAt(disease.anatomy, u, v);
    const shade = lung > 0 ? lung * sum(disease.shadows, u, v) : 0;
    const beside = density > 0 ? sum(benign, u, v) * (1 - lungAt(disease.anatomy, u, v)) : 0;
    const breath = lung * disease.anatomy.air * ((u < 0 ? nuisance.airLeft : nuisance.airRight) - 1);
    image[i] = density - breath + shade + beside + nuisance.heelU * x + nuisance.heelV * y;
    lungs[i] = lung;
    air += lung;
    filled += shade;
  }
  const even = filled / Math.max(air, 1);
  for (let i = 0; i < image.length; i++) image[i] -= even * lungs[i];
  return { image, lungs };
}

/** The smallest rectangle that holds all lung. */
function bounds(lungs: Float32Array, size: number): Field {
  let left = size, top = size, right = 0, bottom = 0;
  for (let i = 0; i < lungs.length; i++) {
    if (lungs[i] < 0.1) continue;
    const x = i % size, y = Math.floor(i / size);
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  return [left, top, right, bottom];
}

function sum(shadows: readonly Shadow[], u: number, v: number): number {
  let total = 0;
  for (const s of shadows) {
    const du = u - s.u, dv = v - s.v;
    if (Math.abs(du) < s.reach && Math.abs(dv) < s.reach) total += s.amplitude * s.profile(du, dv);
  }
  return total;
}
