/**
 * Phantoms: drawn chest films with known findings, for the demo and for tests.
 *
 * A model must look at them. The tone scale ranks (phantom_film.ts), so grey-level statistics know nothing of the
 * findings; the mean density of the lungs is evened out, so coarse thumbnails know little; benign shadows beside the
 * lungs look like findings; and the hospitals differ in device and prevalence only as far as `HOSPITALS` says.
 */

import { type Anatomy, between, chestAt, drawAnatomy, lungAt, type Random } from "./phantom_body.ts";
import { type Disease, drawBenign, drawDisease, type Shadow } from "./phantom_finding.ts";
import {
  addGrain,
  blurImage,
  burnMarker,
  type Device,
  drawField,
  type Exposure,
  toneScale,
} from "./phantom_film.ts";
import { type Split, SPLITS } from "./manifest.ts";

export { type Anatomy, drawAnatomy, type Random } from "./phantom_body.ts";

/** A hospital that phantoms come from. */
export interface Hospital {
  name: string;
  /** Share of films with a finding. */
  prevalence: number;
  device: Device;
}

/** Three hospitals: computed radiography, direct radiography, portable. */
export const HOSPITALS: Readonly<Record<"a" | "b" | "c", Hospital>> = {
  a: {
    name: "a",
    prevalence: 0.36,
    device: {
      blur: [0.5, 0.8],
      grain: [0.02, 0.035],
      smear: 0.8,
      gamma: [0.9, 1.5],
      black: [5, 25],
      white: [205, 245],
      collimation: 0.06,
      marker: 0.8,
    },
  },
  b: {
    name: "b",
    prevalence: 0.5,
    device: {
      blur: [0.35, 0.5],
      grain: [0.01, 0.025],
      smear: 0,
      gamma: [0.7, 1.2],
      black: [0, 20],
      white: [225, 255],
      collimation: 0.1,
      marker: 0.5,
    },
  },
  c: {
    name: "c",
    prevalence: 0.62,
    device: {
      blur: [0.6, 0.95],
      grain: [0.02, 0.04],
      smear: 0.3,
      gamma: [0.8, 1.4],
      black: [15, 45],
      white: [190, 235],
      collimation: 0.14,
      marker: 0.3,
    },
  },
};

/** How one film is taken: tilt in radians, size, shift in body units, uneven beam and breath, what the device did. */
export interface Nuisance extends Exposure {
  tilt: number;
  zoom: number;
  shiftU: number;
  shiftV: number;
  /** Density that the beam's unevenness adds at the right and the lower edge (and takes at the others). */
  heelU: number;
  heelV: number;
  /** Air in the lung on the image's left and right, of the patient's usual. */
  airLeft: number;
  airRight: number;
}

/** Comb of {@linkcode comb}: teeth over [0, 1), and each split's part of a tooth. */
const TEETH = 8;
const PARTS: Readonly<Record<Split, readonly [number, number]>> = {
  train: [0, 0.5],
  val: [0.52, 0.68],
  test: [0.7, 1],
};

/**
 * A number in [0, 1) of the split's own part of the unit interval: the parts interleave and share no value, so no
 * film of `test` is taken as one of `train` was.
 */
export function comb(split: Split, random: Random): number {
  const [low, high] = PARTS[split];
  return (Math.floor(TEETH * random()) + between(random, low, high)) / TEETH;
}

/** Draws how a film is taken: every value from its split's own part of the range. */
export function drawNuisance(device: Device, o: { split: Split; random: Random }): Nuisance {
  const from = ([low, high]: readonly [number, number]) => low + (high - low) * comb(o.split, o.random);
  return {
    blur: from(device.blur),
    grain: from(device.grain),
    gamma: from(device.gamma),
    black: from(device.black),
    white: from(device.white),
    tilt: from([-0.14, 0.14]),
    zoom: from([0.82, 1.12]),
    shiftU: from([-0.17, 0.17]),
    shiftV: from([-0.15, 0.15]),
    heelU: from([-0.1, 0.1]),
    heelV: from([-0.1, 0.1]),
    airLeft: from([0.8, 1.2]),
    airRight: from([0.8, 1.2]),
  };
}

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
  const image = project({ size, nuisance, disease, benign });
  blurImage(image, size, nuisance.blur * size / 64);
  addGrain(image, size, { grain: nuisance.grain, smear: device.smear, random });
  const field = drawField(random, size, device.collimation);
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

/** The densities of a scene, (size, size), with the lungs' mean as if nothing were in them. */
function project({ size, nuisance, disease, benign }: Scene): Float32Array {
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
  return image;
}

function sum(shadows: readonly Shadow[], u: number, v: number): number {
  let total = 0;
  for (const s of shadows) {
    const du = u - s.u, dv = v - s.v;
    if (Math.abs(du) < s.reach && Math.abs(dv) < s.reach) total += s.amplitude * s.profile(du, dv);
  }
  return total;
}
