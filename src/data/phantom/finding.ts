/**
 * Findings of a phantom, and the benign shadows that look like them but lie outside the lungs.
 *
 * Every film, healthy or not, gets such shadows; so it is not the presence of an opacity but its place that tells.
 */

import { type Anatomy, between, heartAt, lungAt, type Random, smooth, trunkAt } from "./body.ts";

/** A shadow: adds `amplitude · profile` to the density. */
export interface Shadow {
  /** Centre and reach, body units; the profile is 0 beyond. */
  u: number;
  v: number;
  reach: number;
  /** Density in the middle. */
  amplitude: number;
  /** From 0 to 1, of the offset from the centre. */
  profile(du: number, dv: number): number;
}

/** What ails the film: names as in the labels file, shadows confined to the lungs, and the (changed) anatomy. */
export interface Disease {
  findings: string[];
  shadows: Shadow[];
  anatomy: Anatomy;
}

type Place = { u: number; v: number };

/** A disc with a narrow soft rim: nodule or mass. */
function disc(random: Random, place: Place, radius: number, amplitude: number): Shadow {
  const squash = between(random, 0.8, 1.25);
  return {
    ...place,
    reach: radius * 1.5,
    amplitude,
    profile: (du, dv) => smooth((1.15 - Math.hypot(du * squash, dv / squash) / radius) / 0.35),
  };
}

/** A patch of merging blobs with soft borders: consolidation. */
function patch(random: Random, place: Place, amplitude: number): Shadow {
  const blobs = Array.from({ length: 4 }, () => ({
    u: between(random, -0.12, 0.12),
    v: between(random, -0.14, 0.14),
    s: between(random, 0.09, 0.14),
  }));
  return {
    ...place,
    reach: 0.45,
    amplitude,
    profile(du, dv) {
      let sum = 0;
      for (const b of blobs) {
        const x = (du - b.u) / b.s, y = (dv - b.v) / b.s;
        sum += Math.exp(-x * x - y * y);
      }
      return 1 - Math.exp(-1.6 * sum);
    },
  };
}

/** Fluid over the diaphragm that climbs the flank: the costophrenic angle is blunted. */
function effusion(random: Random, a: Anatomy): Shadow {
  const side = random() < 0.5 ? -1 : 1;
  const u = side * 0.42 * a.width;
  const height = between(random, 0.36, 0.58);
  const wall = u + side * a.lungWidth * 1.1;
  return {
    u,
    v: a.base,
    reach: 0.75,
    amplitude: between(random, 0.28, 0.38),
    profile(du, dv) {
      const inward = Math.abs(wall - u - du);
      return u * (u + du) <= 0 ? 0 : smooth((dv + height - 0.55 * inward) / 0.1);
    },
  };
}

/** A place whose surroundings of `radius` lie in the air-filled lung (`inside`) or wholly beside the lungs. */
function findPlace(random: Random, a: Anatomy, o: { radius: number; inside: boolean }): Place | undefined {
  for (let attempt = 0; attempt < 60; attempt++) {
    const u = between(random, -0.85, 0.85), v = between(random, -0.8, 0.85);
    const ok = [0, 1, 2, 3, 4, 5, 6, 7, 8].every((k) => {
      const r = k === 0 ? 0 : o.radius, angle = Math.PI * k / 4;
      const x = u + r * Math.cos(angle), y = v + r * Math.sin(angle);
      const lung = lungAt(a, x, y) * (1 - heartAt(a, x, y));
      return o.inside ? lung > 0.8 && Math.abs(x) > 0.16 : lung < 0.05 && trunkAt(a, x, y) > 0.9;
    });
    if (ok) return { u, v };
  }
  return undefined;
}

type Kind = "Nodule" | "Mass" | "Consolidation";

/** One round or patchy shadow of a kind, in the lung or beside it. */
function shadow(random: Random, a: Anatomy, o: { kind: Kind; inside: boolean }): Shadow | undefined {
  const amplitude = between(random, 0.24, 0.34);
  if (o.kind === "Consolidation") {
    const place = findPlace(random, a, { radius: o.inside ? 0.06 : 0.14, inside: o.inside });
    return place && patch(random, place, amplitude);
  }
  const radius = o.kind === "Mass" ? between(random, 0.14, 0.2) : between(random, 0.085, 0.12);
  const place = findPlace(random, a, { radius: radius * (o.inside ? 0.6 : 1), inside: o.inside });
  return place && disc(random, place, radius, amplitude);
}

function drawKind(random: Random): Kind {
  return (["Nodule", "Mass", "Consolidation"] as const)[Math.floor(3 * random())];
}

/** Draws what a diseased film shows: one finding, at times two. */
export function drawDisease(random: Random, anatomy: Anatomy): Disease {
  const disease: Disease = { findings: [], shadows: [], anatomy };
  const count = random() < 0.25 ? 2 : 1;
  for (let i = 0; i < count; i++) addFinding(random, disease);
  return disease;
}

/** Adds a finding unless the film has it already, or its place is not found while another finding is there. */
function addFinding(random: Random, disease: Disease): void {
  const dice = random();
  const kind = drawKind(random);
  if (dice < 0.12) {
    disease.anatomy = { ...disease.anatomy, heart: between(random, 0.4, 0.48) };
    note(disease, "Cardiomegaly");
  } else if (dice < 0.3 || !addShadows(random, disease, kind)) {
    if (disease.findings.includes("Effusion")) return;
    disease.shadows.push(effusion(random, disease.anatomy));
    note(disease, "Effusion");
  }
}

/** Adds the shadows of a nodular or patchy finding; false when no place was found. */
function addShadows(random: Random, disease: Disease, kind: Kind): boolean {
  const count = kind === "Nodule" ? 2 + Math.floor(2 * random()) : 1;
  const found = Array.from({ length: count }, () => shadow(random, disease.anatomy, { kind, inside: true }));
  const shadows = found.filter((one) => one !== undefined);
  disease.shadows.push(...shadows);
  if (shadows.length) note(disease, kind);
  return shadows.length > 0;
}

function note(disease: Disease, finding: string): void {
  if (!disease.findings.includes(finding)) disease.findings.push(finding);
}

/** One to three benign shadows beside the lungs, drawn alike for healthy and diseased films. */
export function drawBenign(random: Random, anatomy: Anatomy): Shadow[] {
  const count = 1 + Math.floor(3 * random());
  const shadows: Shadow[] = [];
  for (let i = 0; i < count; i++) {
    const found = shadow(random, anatomy, { kind: drawKind(random), inside: false });
    if (found) shadows.push(found);
  }
  return shadows;
}
