/** A DICOM file becomes a grey image as it is shown, of the file's own size or, where asked, a lower resolution of JPEG 2000. */

import { DataError } from "../quarantine.ts";
import { codesOf, countsOf, saturated } from "./codes.ts";
import { checkFrame, codestreamOf } from "./codestream.ts";
import { Dataset, PIXELS } from "./dataset.ts";
import { greyLevels, type Windowing } from "./grey.ts";
import { checkFilm, type FilmHeader, filmHeader } from "./header.ts";
import { Jpeg2000Decoder } from "./jpeg_2000.ts";
import { JpegLs } from "./jpeg_ls.ts";
import { NativeCodecs, type NativeCoding } from "./native_codecs.ts";
import { type PixelShape, pixelShape } from "./pixel_shape.ts";
import { halvingsOf, hasOwnOverlay, isGreyAlone, sidesOf } from "./resolution.ts";
import { syntaxOf, type TransferSyntax } from "./syntax.ts";

/** A film as it is shown. */
export interface GreyFilm {
  width: number;
  height: number;
  /** (height, width) u8, 0 black to 255 white. */
  pixels: Uint8Array<ArrayBuffer>;
  header: FilmHeader;
  /** The transfer syntax's name. */
  syntax: string;
  windowing: Windowing;
  /** Whether its lowest value is shown white, as in MONOCHROME1. */
  inverted: boolean;
}

/** What a file's pixels are before they are shown. */
export interface StoredValues {
  syntax: TransferSyntax;
  /** With the rows and columns that are decoded. */
  shape: PixelShape;
  /** Maybe a view of the file's bytes. */
  codes: Uint8Array | Uint16Array;
}

/** How a film is decoded. */
export interface FilmOptions {
  /**
   * JPEG 2000 is decoded at its lowest resolution whose shorter side has so many pixels, where it has one. @default whole
   */
  side?: number;
}

/** Decodes films one after the other; the decoders are loaded when they are needed first. */
export class FilmDecoder {
  #native: Promise<NativeCodecs> | undefined;
  #jpegLs: Promise<JpegLs> | undefined;
  #jpeg2000: Promise<Jpeg2000Decoder> | undefined;

  /** @throws {DataError} why the file is no film, or cannot be read @throws {Error} when a decoder is not there */
  async decode(file: Uint8Array, options: FilmOptions = {}): Promise<GreyFilm> {
    const set = Dataset.parse(file);
    checkFilm(set);
    const { syntax, shape, codes } = await this.stored(set, options);
    const { levels, windowing } = greyLevels(set, shape, () => countsOf(codes, 2 ** shape.bitsStored));
    const pixels = new Uint8Array(codes.length);
    for (let i = 0; i < codes.length; i++) pixels[i] = levels[codes[i]];
    return {
      ...{ width: shape.columns, height: shape.rows, header: filmHeader(set) },
      ...{ syntax: syntax.name, windowing, inverted: shape.inverted, pixels },
    };
  }

  /**
   * The values as they are stored, row by row: of each its `bitsStored` bits, 0 to 2^`bitsStored` - 1.
   *
   * @throws {DataError} when they cannot be read
   */
  async stored(set: Dataset, options: FilmOptions = {}): Promise<StoredValues> {
    const syntax = syntaxOf(set.syntax);
    if (syntax === undefined) {
      const uid = set.syntax.replaceAll(/[^0-9.]/g, "?").slice(0, 64);
      throw new DataError(
        "unknown_syntax",
        `Cannot decode the image: transfer syntax ${uid || "none"} is unknown`,
      );
    }
    const all = pixelShape(set);
    const { values, shape } = syntax.coding === "native"
      ? { values: set.bytes(PIXELS), shape: all }
      : await this.#decoded(set, { coding: syntax.coding, shape: all, ...options });
    const bytes = whole(values, shape);
    const beyond = syntax.lossy && !shape.signed && !hasOwnOverlay(set);
    const codes = codesOf(beyond ? saturated(bytes, shape) : bytes, {
      shape,
      littleEndian: set.littleEndian,
    });
    return { syntax, shape, codes };
  }

  /** The bytes of the values of an encapsulated frame; more of them than are needed may be there. */
  async #decoded(
    set: Dataset,
    { coding, shape, side }: { coding: Encapsulated; shape: PixelShape } & FilmOptions,
  ): Promise<{ values: Uint8Array; shape: PixelShape }> {
    const joint = joined(set.fragments(PIXELS) ?? []);
    const frame = coding === "jpeg-2000" ? codestreamOf(joint) : joint;
    const bits = checkFrame(frame, coding, shape);
    const reducible = coding === "jpeg-2000" && side !== undefined && isGreyAlone(set);
    const halvings = reducible ? halvingsOf(frame, { shape, side }) : 0;
    const [rows, columns] = sidesOf(shape, halvings);
    const decode = await this.#decoderOf(coding, halvings);
    try {
      const bytes = shape.bitsAllocated === 16 && bits <= 8;
      // Decoders that are told of 16 bits lay samples of 8 elsewhere.
      const decoded = await decode(frame, bytes ? { ...shape, ...BYTES } : shape);
      const values = bytes ? new Uint8Array(Uint16Array.from(decoded).buffer) : decoded;
      return { values, shape: { ...shape, rows, columns } };
    } catch (cause) {
      throw new DataError("truncated", "Cannot decode the image: its frame is damaged", { cause });
    }
  }

  async #decoderOf(coding: Encapsulated, halvings: number): Promise<Decode> {
    if (halvings > 0) {
      const decoder = await (this.#jpeg2000 ??= Jpeg2000Decoder.load());
      return (frame, shape) => decoder.decode(frame, { halvings, shape });
    }
    if (coding === "jpeg-ls") {
      const decoder = await (this.#jpegLs ??= JpegLs.load());
      return (frame) => decoder.decode(frame);
    }
    const decoder = await (this.#native ??= NativeCodecs.load());
    return (frame, shape) => Promise.resolve(decoder.decode(frame, coding, shape));
  }
}

/** How the pixels of an encapsulated frame are written. */
type Encapsulated = NativeCoding | "jpeg-ls";

/** Values of one byte. */
const BYTES = { bitsAllocated: 8, bitsStored: 8, highBit: 7 } as const;

/** A frame's values, of the bits allocated. @throws {Error} for one that is damaged */
type Decode = (frame: Uint8Array, shape: PixelShape) => Promise<Uint8Array>;

/** As many bytes as the film has. @throws {DataError} `truncated` where there are fewer */
function whole(values: Uint8Array | undefined, { rows, columns, bitsAllocated }: PixelShape): Uint8Array {
  const bytes = rows * columns * bitsAllocated / 8;
  if (values !== undefined && values.length >= bytes) return values.subarray(0, bytes);
  const got = `${values?.length ?? 0}`;
  throw new DataError("truncated", `Cannot decode the image: expected ${bytes} bytes of pixels, got ${got}`);
}

/** One frame may be in several fragments. */
function joined(fragments: readonly Uint8Array[]): Uint8Array {
  if (fragments.length === 1) return fragments[0];
  const frame = new Uint8Array(fragments.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const fragment of fragments) {
    frame.set(fragment, at);
    at += fragment.length;
  }
  return frame;
}
