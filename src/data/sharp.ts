/**
 * The image library, imported at its first use and not before (it maps a 20 MB native library), with every reader
 * but PNG and JPEG switched off: an SVG or a TIFF with a picture's name is refused, not rendered.
 */

import type { default as sharpFunction } from "sharp";

const READERS = ["PngFile", "PngBuffer", "JpegFile", "JpegBuffer"].map((name) => `VipsForeignLoad${name}`);

/** What a PNG drawn by `drawSvg` names as its software: no film says so. */
const MADE_BY = "fedx";

let loading: Promise<typeof sharpFunction> | undefined;

/** sharp, guarded. */
export function loadSharp(): Promise<typeof sharpFunction> {
  return loading ??= import("sharp").then(({ default: sharp }) => {
    sharp.block({ operation: ["VipsForeignLoad"] });
    sharp.unblock({ operation: READERS });
    sharp.cache(false);
    return sharp;
  });
}

/** What decodes: its versions, another of which may give other pixels. */
export async function decoderVersion(): Promise<string> {
  const { versions } = await loadSharp();
  return `sharp ${versions.sharp}, libvips ${versions.vips}`;
}

/** Whether the first bytes of a file are those of a PNG drawn by `drawSvg`. */
export function isDrawn(head: Uint8Array): boolean {
  const text = new TextDecoder("latin1").decode(head.subarray(0, 1024));
  return text.startsWith("PNG", 1) && text.includes("eXIf") && text.includes(`\0${MADE_BY}\0`);
}

/** Encodes (size, size) u8 grey pixels as a PNG file. */
export async function encodePng(pixels: Uint8Array, size: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const image = sharp(pixels, { raw: { width: size, height: size, channels: 1 } });
  return new Uint8Array(await image.toColourspace("b-w").png({ compressionLevel: 6 }).toBuffer());
}

/**
 * Draws an SVG text of our own as a PNG file of twice its size in pixels, marked as made by fedx. The reader of SVGs is
 * switched on for this call alone.
 */
export async function drawSvg(svg: string): Promise<Uint8Array<ArrayBuffer>> {
  const sharp = await loadSharp();
  const reader = { operation: ["VipsForeignLoadSvgBuffer"] };
  sharp.unblock(reader);
  try {
    const image = sharp(new TextEncoder().encode(svg), { density: 144 });
    return new Uint8Array(await image.withExif({ IFD0: { Software: MADE_BY } }).png().toBuffer());
  } finally {
    sharp.block(reader);
  }
}
