/** Writes phantoms as a hospital would hand its films over: PNG files and a labels file that `prepare` reads. */

import { NO_FINDING } from "../findings.ts";
import { type Split, SPLITS } from "../manifest.ts";
import { type Anatomy, drawAnatomy, drawPhantom, type Hospital, type Random } from "./phantom.ts";
import { encodePng } from "../sharp.ts";

/** How many films, and how. */
export interface PhantomFilesOptions {
  hospital: Hospital;
  /** Height and width, pixels. */
  size: number;
  /** Films in each split. */
  train: number;
  val: number;
  test: number;
  random: Random;
  /** What makes a PNG file of (size, size) u8 pixels. @default the image library */
  encode?: (pixels: Uint8Array, size: number) => Uint8Array | Promise<Uint8Array>;
  /** Films done, of all. */
  onProgress?: (done: number, total: number) => void;
}

const HEADER = "Image Index,Finding Labels,Patient ID,Patient Age,Patient Sex,View Position,split";

/** Share of patients with two or three films. */
const FOLLOWED = 0.3;

interface Patient {
  id: string;
  age: number;
  sex: string;
  films: number;
  anatomy: Anatomy;
}

/**
 * Writes `dir`/images/*.png and `dir`/labels.csv; `dir` is made. The share of films with a finding is the hospital's
 * prevalence, rounded, in every split; about a third of the patients have two or three films, all in one split.
 */
export async function writePhantoms(dir: string, options: PhantomFilesOptions): Promise<void> {
  const { random } = options;
  await Deno.mkdir(`${dir}/images`, { recursive: true });
  const lines = [HEADER];
  const total = options.train + options.val + options.test;
  let patients = 0;
  for (const split of SPLITS) {
    const count = options[split];
    const findings = drawLabels(random, count, options.hospital.prevalence);
    for (let film = 0; film < count;) {
      const patient = drawPatient(random, {
        hospital: options.hospital,
        number: ++patients,
        most: count - film,
      });
      for (let i = 0; i < patient.films; i++, film++) {
        lines.push(
          await writeFilm(dir, { ...options, patient, followUp: i, split, finding: findings[film] }),
        );
        options.onProgress?.(lines.length - 1, total);
      }
    }
  }
  await Deno.writeTextFile(`${dir}/labels.csv`, lines.join("\n") + "\n");
}

/** Which of `count` films show a finding: the rounded share, in random order. */
function drawLabels(random: Random, count: number, share: number): boolean[] {
  const labels = Array.from({ length: count }, (_, i) => i < Math.round(share * count));
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor((i + 1) * random());
    [labels[i], labels[j]] = [labels[j], labels[i]];
  }
  return labels;
}

function drawPatient(random: Random, o: { hospital: Hospital; number: number; most: number }): Patient {
  const films = random() < FOLLOWED ? 2 + Math.floor(2 * random()) : 1;
  return {
    id: o.hospital.name.toUpperCase() + String(o.number).padStart(7, "0"),
    age: 18 + Math.floor(72 * random()),
    sex: random() < 0.5 ? "F" : "M",
    films: Math.min(films, o.most),
    anatomy: drawAnatomy(random),
  };
}

/** Draws and writes one film. @returns its line of the labels file */
async function writeFilm(
  dir: string,
  o: PhantomFilesOptions & { patient: Patient; followUp: number; split: Split; finding: boolean },
): Promise<string> {
  const { patient, split, hospital, size, encode = encodePng } = o;
  const { pixels, findings } = drawPhantom(hospital, { ...o, anatomy: patient.anatomy });
  const name = `${patient.id}_${String(o.followUp).padStart(3, "0")}.png`;
  await Deno.writeFile(`${dir}/images/${name}`, await encode(pixels, size));
  const label = findings.join("|") || NO_FINDING;
  return [name, label, patient.id, patient.age, patient.sex, hospital.view, split].join(",");
}
