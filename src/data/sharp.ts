/**
 * The image library, imported at its first use and not before (it maps a 20 MB native library), with every reader
 * but PNG and JPEG switched off: an SVG or a TIFF with a picture's name is refused, not rendered.
 */

import type { default as sharpFunction } from "sharp";

const READERS = ["PngFile", "PngBuffer", "JpegFile", "JpegBuffer"].map((name) => `VipsForeignLoad${name}`);

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

/** Encodes (size, size) u8 grey pixels as a PNG file. */
export async function encodePng(pixels: Uint8Array, size: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const image = sharp(pixels, { raw: { width: size, height: size, channels: 1 } });
  return new Uint8Array(await image.toColourspace("b-w").png({ compressionLevel: 6 }).toBuffer());
}
