/** Where phantoms are taken: three hospitals, their devices, and how one film differs from the next. */

import type { Split } from "../manifest.ts";
import { between, type Random } from "./body.ts";
import type { Device, Exposure } from "./film.ts";

/** A hospital that phantoms come from. */
export interface Hospital {
  name: string;
  /** Share of films with a finding. */
  prevalence: number;
  /** How its patients stand to the beam. */
  view: "PA" | "AP";
  device: Device;
}

/** Three hospitals: computed radiography, direct radiography, portable. */
export const HOSPITALS: Readonly<Record<"a" | "b" | "c", Hospital>> = {
  a: {
    name: "a",
    prevalence: 0.36,
    view: "PA",
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
    view: "PA",
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
    view: "AP",
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
    shiftU: from([-0.15, 0.15]),
    shiftV: from([-0.14, 0.14]),
    heelU: from([-0.1, 0.1]),
    heelV: from([-0.1, 0.1]),
    airLeft: from([0.8, 1.2]),
    airRight: from([0.8, 1.2]),
  };
}
