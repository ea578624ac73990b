/**
 * An image file becomes a square grey film of u8 pixels.
 *
 * Why this way: every film of a run must pass through the same filter, whatever its file format. So the resize is
 * antialiased (lanczos3) and done once here; JPEG shrink-on-load and embedded colour profiles, which would change
 * pixels of one format only, are off. A 16-bit film keeps its 16 bits until after the resize (libvips's default
 * output would clip it to three channels of 8).
 */

import type { Sharp as Image } from "sharp";
import { FILTER } from "../kernel.ts";
import { FILM_SIZE, isFilmSize } from "./manifest.ts";
import { DataError, unreadable } from "./quarantine.ts";
import { loadSharp } from "./sharp.ts";
import { checkSides, PIXEL_LIMIT } from "./sides.ts";

/** The most bytes of an input file: {@linkcode PIXEL_LIMIT} pixels of four 16-bit channels, uncompressed. */
const FILE_LIMIT = 8 * PIXEL_LIMIT;

/** How a film is made. */
export interface DecodeOptions {
  /** Height and width of the result, pixels. */
  size: number;
}

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8, 0xff];

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/** An image file's bytes. @throws {DataError} `missing_file`, `unreadable_file` or `too_large` */
export async function readImageFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) throw new TypeError("expected a regular file");
    if (size > FILE_LIMIT) {
      throw new DataError("too_large", `Cannot decode the image: its file has more than ${FILE_LIMIT} bytes`);
    }
    return await Deno.readFile(path);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw unreadable(cause);
  }
}

function checkMagic(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new DataError("truncated", "Cannot decode the image: the file is empty");
  if (startsWith(bytes, PNG) || startsWith(bytes, JPEG)) return;
  throw new DataError(
    "not_an_image",
    "Cannot decode the image: expected a PNG, JPEG or DICOM file, got something else",
  );
}

/**
 * Decodes a PNG or JPEG file (8 or 16 bit; grey, RGB or with alpha, which is laid over black) and stretches it to
 * size × size.
 *
 * @param source a path, or the file's bytes
 * @returns (size, size) u8, row by row, grey
 * @throws {DataError} `missing_file`, `unreadable_file`, `not_an_image`, `too_large` (told from the header, before anything of that size
 * is allocated), `too_small` or `truncated` (also: damaged)
 */
export async function decodeImage(source: string | Uint8Array, options: DecodeOptions): Promise<Uint8Array> {
  const { size } = options;
  if (!isFilmSize(size)) {
    const { least, most } = FILM_SIZE;
    throw new RangeError(`Cannot decode an image: expected a size from ${least} to ${most}, got ${size}`);
  }
  const bytes = typeof source === "string" ? await readImageFile(source) : source;
  checkMagic(bytes);
  const sharp = await loadSharp();
  try {
    const image = sharp(bytes, { failOn: "warning", limitInputPixels: PIXEL_LIMIT, ignoreIcc: true })
      .timeout({ seconds: 60 });
    const header = await image.metadata();
    checkSides(header);
    const deep = header.depth === "ushort";
    const { width, height } = header;
    // Taking the whole of it first is what keeps sharp from shrinking a large JPEG while it loads.
    image.flatten({ background: "#000" }).extract({ left: 0, top: 0, width, height })
      .resize(size, size, { fit: "fill", kernel: FILTER });
    return deep ? await grey16(image) : await grey8(image);
  } catch (cause) {
    throw decodeError(cause);
  }
}

/** Stretches a grey image to size × size by the same filter. @returns (size, size) u8, row by row */
export async function resizeGrey(
  { pixels, width, height }: { pixels: Uint8Array; width: number; height: number },
  { size }: DecodeOptions,
): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const image = sharp(pixels, { raw: { width, height, channels: 1 } });
  return await grey8(image.resize(size, size, { fit: "fill", kernel: FILTER }));
}

async function grey8(image: Image): Promise<Uint8Array> {
  const data = await image.greyscale().toColourspace("b-w").raw({ depth: "uchar" }).toBuffer();
  return new Uint8Array(data);
}

async function grey16(image: Image): Promise<Uint8Array> {
  const data = await image.toColourspace("grey16").raw({ depth: "ushort" }).toBuffer();
  const words = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Uint8Array.from(
    { length: data.length / 2 },
    (_, i) => Math.round(words.getUint16(2 * i, true) / 257),
  );
}

function decodeError(cause: unknown): DataError {
  if (cause instanceof DataError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/pixel limit/i.test(text)) {
    const message = `Cannot decode the image: it has more than ${PIXEL_LIMIT} pixels`;
    return new DataError("too_large", message, { cause });
  }
  return /unsupported image format|dimensions/i.test(text)
    ? new DataError("not_an_image", "Cannot decode the image: it is of an unknown kind", { cause })
    : new DataError("truncated", "Cannot decode the image: the file is cut short or damaged", { cause });
}
