/** An archive of DICOM films for tests, of every lossless syntax, some of them no films or spoiled. */
import { dicomFile, type DicomOptions } from "./dicom.ts";
import { ENCODED, encodedDicom } from "./encoded_dicom.ts";
import { seeded } from "./random.ts";
import type { QuarantineReason } from "../../src/data/quarantine.ts";

const uint16 = (...values: number[]): [string, number[]] => ["US", values];
const half = (bytes: Uint8Array) => bytes.slice(0, bytes.length / 2);

/** Ways in which a file is no film, by why; each makes it of a sound film of 12 bits. */
export const SPOILED: Record<string, [QuarantineReason, (film: Film) => Uint8Array]> = {
  "cut short": ["truncated", (film) => half(dicomFile(film))],
  "cut in its header": ["truncated", (film) => dicomFile(film).slice(0, 200)],
  "its frame cut short": ["truncated", (film) => half(encodedDicom({ ...film, syntax: ENCODED[2] }))],
  "no fragments": ["truncated", (film) => dicomFile({ ...film, syntax: ENCODED[2] })],
  "rows that are not there": ["truncated", (film) => with_(film, { "0028,0010": uint16(film.height + 1) })],
  lateral: ["lateral_view", (film) => with_(film, { "0018,5101": ["CS", "LL"] })],
  "lateral by its description": [
    "lateral_view",
    (film) => with_(film, { "0018,5101": null, "0008,103e": ["LO", "Thorax lateral"] }),
  ],
  CT: ["other_modality", (film) => with_(film, { "0008,0060": ["CS", "CT"] })],
  "for processing": ["for_processing", (film) => with_(film, { "0008,0068": ["CS", "FOR PROCESSING"] })],
  "a report without pixels": ["no_pixels", (film) => with_(film, { "7fe0,0010": null })],
  "an enormous size": [
    "too_large",
    (film) => with_(film, { "0028,0010": uint16(60_000), "0028,0011": uint16(60_000) }),
  ],
  "a private syntax": ["unknown_syntax", (film) => dicomFile({ ...film, syntax: "1.2.840.113619.5.2" })],
  "three frames": ["multi_frame", (film) => with_(film, { "0028,0008": ["IS", "3"] })],
  colours: [
    "unsupported_pixels",
    (film) => with_(film, { "0028,0002": uint16(3), "0028,0004": ["CS", "RGB"] }),
  ],
  "a window of no width": [
    "unsupported_pixels",
    (film) => with_(film, { "0028,1050": ["DS", "40"], "0028,1051": ["DS", "0"] }),
  ],
  "an unknown window": ["unsupported_pixels", (film) => with_(film, { "0028,1056": ["CS", "LOG"] })],
  empty: ["truncated", () => new Uint8Array()],
  "a text": ["not_an_image", () => new TextEncoder().encode("see the archive")],
};

/** A sound film. */
export interface Film extends DicomOptions {
  pixels: Uint16Array;
  width: number;
  height: number;
}

const with_ = (film: Film, attributes: DicomOptions["attributes"]) =>
  dicomFile({ ...film, attributes: { ...film.attributes, ...attributes } });

/** What is in an archive. */
export interface Archive {
  /** Why a file is no film, by its Image Index. */
  spoiled: Map<string, QuarantineReason>;
  films: number;
}

/**
 * Writes `count` files of `side` × `side` pixels below `dir`/films, `bad` of them spoiled in turn, and labels.csv.
 *
 * @param options.jpegLs all sound films are JPEG-LS @default every syntax in turn, uncompressed ones too
 */
export async function writeArchive(
  dir: string,
  { count, bad = 0, side, jpegLs = false }: { count: number; bad?: number; side: number; jpegLs?: boolean },
): Promise<Archive> {
  const noise = noiseOf(side);
  const kinds = Object.values(SPOILED);
  const spoiled = new Map<string, QuarantineReason>();
  const lines = ["Image Index,Finding Labels,Patient ID"];
  const every = bad === 0 ? Infinity : Math.floor(count / bad);
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) await Deno.mkdir(`${dir}/films/S${i / 100}`, { recursive: true });
    const name = `S${Math.floor(i / 100)}/I${i}`;
    const ill = i % 2 === 1;
    const film = filmOf(i, { side, noise, ill });
    const kind = i % every === 0 && spoiled.size < bad ? kinds[spoiled.size % kinds.length] : null;
    const syntax = jpegLs ? ENCODED[2] : [...ENCODED, null, null][i % (ENCODED.length + 2)];
    const bytes = kind?.[1](film) ?? (syntax === null ? dicomFile(film) : encodedDicom({ ...film, syntax }));
    if (kind !== null) spoiled.set(name, kind[0]);
    await Deno.writeFile(`${dir}/films/${name}`, bytes);
    lines.push(`${name},${ill ? "Effusion" : "No Finding"},P${i}`);
  }
  await Deno.writeTextFile(`${dir}/labels.csv`, `${lines.join("\n")}\n`);
  return { spoiled, films: count - spoiled.size };
}

/** Noise of so many grey levels for films of `side` × `side`: twice as much as one needs. */
export function noiseOf(side: number, levels = 400): Uint16Array<ArrayBuffer> {
  const random = seeded(1);
  return Uint16Array.from({ length: 2 * side * side }, () => Math.floor(levels * random()));
}

/** Noise from another place in each film, so that no two have the same pixels. Some name an odd character set. */
export function filmOf(
  i: number,
  { side, noise, ill }: { side: number; noise: Uint16Array; ill: boolean },
): Film {
  const offset = i * 7919 % noise.length / 2 | 0;
  const pixels = noise.slice(offset, offset + side * side);
  for (let at = 0; at < pixels.length; at++) {
    const x = at % side;
    pixels[at] += Math.floor(3000 * x / side) + (ill && x > side / 2 ? 500 : 0);
  }
  const attributes: DicomOptions["attributes"] = { "0028,1050": ["DS", "2048"], "0028,1051": ["DS", "4096"] };
  if (i % 11 === 0) {
    attributes["0008,0005"] = ["CS", "ISO 9999"];
    attributes["0010,0010"] = ["PN", "M\u00fcller^\u00d8"];
  }
  return { width: side, height: side, bits: 12, pixels, attributes };
}
