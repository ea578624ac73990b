/**
 * The healthy chest of a phantom, in body coordinates: u to the image's right, v downwards, the field about [−1, 1]².
 * Densities are in arbitrary units: air 0, soft tissue about .55, bone and heart above it, lung about .2.
 */

/** A source of numbers in [0, 1). */
export type Random = () => number;

/** What a patient keeps from film to film. */
export interface Anatomy {
  /** Half-width of the trunk. */
  width: number;
  /** Height of the lungs above their widest place. */
  lungHeight: number;
  /** Half-width of a lung. */
  lungWidth: number;
  /** Lowest edge of the lungs, and how far the diaphragm's domes rise above it (the liver's side more by `lift`). */
  base: number;
  dome: number;
  lift: number;
  /** Half-width of the heart and its height; the heart leans to the image's right. */
  heart: number;
  heartHeight: number;
  /** Ribs: pitch, phase, slope towards the flank, density. */
  pitch: number;
  phase: number;
  slope: number;
  bone: number;
  /** Density of soft tissue; air in the lungs. */
  soft: number;
  air: number;
  /** Density of the breast or muscle shadows over the lower lungs. */
  breast: number;
  /** Height of the clavicles at the shoulder. */
  clavicle: number;
}

/** Uniform in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

/** Draws a patient. */
export function drawAnatomy(random: Random): Anatomy {
  return {
    width: between(random, 0.84, 1.0),
    lungHeight: between(random, 0.56, 0.72),
    lungWidth: between(random, 0.27, 0.33),
    base: between(random, 0.52, 0.7),
    dome: between(random, 0.12, 0.22),
    lift: between(random, 0.02, 0.08),
    heart: between(random, 0.24, 0.29),
    heartHeight: between(random, 0.26, 0.32),
    pitch: between(random, 0.155, 0.19),
    phase: random(),
    slope: between(random, 0.3, 0.55),
    bone: between(random, 0.05, 0.1),
    soft: between(random, 0.5, 0.6),
    air: between(random, 0.32, 0.42),
    breast: random() < 0.5 ? between(random, 0.02, 0.08) : 0,
    clavicle: between(random, -0.84, -0.7),
  };
}

/** 0 below 0, 1 above 1, smooth between. */
export function smooth(x: number): number {
  return x <= 0 ? 0 : x >= 1 ? 1 : x * x * (3 - 2 * x);
}

/** Width of a soft edge, body units (about one pixel at 64 px). */
const EDGE = 0.04;

/** Height of the diaphragm at `u`. */
export function diaphragm(a: Anatomy, u: number): number {
  const x = (Math.abs(u) - 0.38) / 0.24;
  return a.base - a.dome * Math.exp(-x * x) - (u < 0 ? a.lift : 0);
}

/** 1 inside a lung (heart and mediastinum included), 0 outside. */
export function lungAt(a: Anatomy, u: number, v: number): number {
  const dx = Math.abs(Math.abs(u) - 0.42 * a.width) / (a.lungWidth * (1.1 + 0.12 * v));
  const dy = v < -0.05 ? (v + 0.05) / a.lungHeight : 0;
  const inside = (1 - Math.sqrt(dx * dx + dy * dy)) * a.lungWidth;
  return inside <= 0 ? 0 : smooth(inside / EDGE) * smooth((diaphragm(a, u) - v) / EDGE);
}

/** 1 inside the heart, 0 outside. */
export function heartAt(a: Anatomy, u: number, v: number): number {
  const x = (u - 0.45 * a.heart) / a.heart;
  const y = (v - a.base + 0.3 + 0.15 * (u - 0.1)) / a.heartHeight;
  const r = Math.sqrt(x * x + y * y);
  return smooth((1.06 - r) * a.heart / EDGE / 1.5);
}

/** 1 inside the trunk, 0 in the air beside it. */
export function trunkAt(a: Anatomy, u: number, v: number): number {
  const flank = a.width * (0.9 + 0.05 * v) + 1.6 * Math.max(0, -0.6 - v);
  const shoulder = -1.02 + 0.32 * Math.max(0, Math.abs(u) - 0.2);
  return smooth((flank - Math.abs(u)) / EDGE) * smooth((v - shoulder) / EDGE);
}

function ridge(distance: number, width: number): number {
  const x = distance / width;
  return x > 3 || x < -3 ? 0 : Math.exp(-x * x);
}

/** Ribs and clavicles, relative to the patient's bone density. */
function boneAt(a: Anatomy, u: number, v: number): number {
  const x = Math.abs(u);
  const turn = (v - a.slope * x * x) / a.pitch + a.phase;
  const wave = Math.cos(2 * Math.PI * turn);
  const rib = wave > 0 && v < a.base + 0.1 ? wave * wave * smooth((x - 0.08) / 0.1) : 0;
  const line = -0.6 + (a.clavicle + 0.6) * (x / 0.7);
  return rib + 1.4 * ridge(v - line, 0.045) * smooth((x - 0.06) / 0.05) * smooth((0.75 - x) / 0.1);
}

/** The chest's density at a place, and how much of it is lung that holds air. */
export function chestAt(a: Anatomy, u: number, v: number): { density: number; lung: number } {
  const trunk = trunkAt(a, u, v);
  if (trunk === 0) return { density: 0, lung: 0 };
  const heart = heartAt(a, u, v);
  const middle = ridge(u - 0.02, 0.12 + 0.05 * Math.max(0, v));
  const lung = lungAt(a, u, v) * (1 - 0.9 * heart) * (1 - 0.9 * middle);
  const spine = ridge(u, 0.06) * (0.1 + 0.03 * Math.cos(2 * Math.PI * v / 0.15));
  const breast = a.breast * smooth((v - 0.05) / 0.3) * ridge(Math.abs(u) - 0.42, 0.28);
  const belly = 0.08 * smooth((v - diaphragm(a, u)) / 0.1);
  const tissue = a.soft + 0.08 * (1 - u * u) + 0.12 * middle + 0.12 * heart + spine + breast + belly;
  return { density: trunk * (tissue + a.bone * boneAt(a, u, v) - a.air * lung), lung };
}
