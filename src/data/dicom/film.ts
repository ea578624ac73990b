/** A DICOM file becomes a grey image as it is shown, of the file's own size. */

import { DataError } from "../quarantine.ts";
import { codesOf, countsOf } from "./codes.ts";
import { checkFrame, codestreamOf } from "./codestream.ts";
import { Dataset, PIXELS } from "./dataset.ts";
import { greyLevels, type Windowing } from "./grey.ts";
import { checkFilm, type FilmHeader, filmHeader } from "./header.ts";
import { JpegLs } from "./jpeg_ls.ts";
import { NativeCodecs, type NativeCoding } from "./native_codecs.ts";
import { type PixelShape, pixelShape } from "./pixel_shape.ts";
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
  shape: PixelShape;
  /** Maybe a view of the file's bytes. */
  codes: Uint8Array | Uint16Array;
}

/** Decodes films one after the other; the decoders are loaded when they are needed first. */
export class FilmDecoder {
  #native: Promise<NativeCodecs> | undefined;
  #jpegLs: Promise<JpegLs> | undefined;

  /** @throws {DataError} why the file is no film, or cannot be read @throws {Error} when a decoder is not there */
  async decode(file: Uint8Array): Promise<GreyFilm> {
    const set = Dataset.parse(file);
    checkFilm(set);
    const { syntax, shape, codes } = await this.stored(set);
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
  async stored(set: Dataset): Promise<StoredValues> {
    const syntax = syntaxOf(set.syntax);
    if (syntax === undefined) {
      const uid = set.syntax.replaceAll(/[^0-9.]/g, "?").slice(0, 64);
      throw new DataError(
        "unknown_syntax",
        `Cannot decode the image: transfer syntax ${uid || "none"} is unknown`,
      );
    }
    const shape = pixelShape(set);
    const bytes = shape.rows * shape.columns * shape.bitsAllocated / 8;
    const values = whole(await this.#values(set, { syntax, shape }), bytes);
    return { syntax, shape, codes: codesOf(values, { shape, littleEndian: set.littleEndian }) };
  }

  /** The bytes of the values; more of them than are needed may be there. */
  async #values(
    set: Dataset,
    { syntax: { coding }, shape }: { syntax: TransferSyntax; shape: PixelShape },
  ): Promise<Uint8Array | undefined> {
    if (coding === "native") return set.bytes(PIXELS);
    const joint = joined(set.fragments(PIXELS) ?? []);
    const frame = coding === "jpeg-2000" ? codestreamOf(joint) : joint;
    const bits = checkFrame(frame, coding, shape);
    const decode = coding === "jpeg-ls" ? await this.#jpegLsDecoder() : await this.#nativeDecoder(coding);
    try {
      if (shape.bitsAllocated === 8 || bits > 8) return await decode(frame, shape);
      // Decoders that are told of 16 bits lay samples of 8 elsewhere.
      const bytes = await decode(frame, { ...shape, ...BYTES });
      return new Uint8Array(Uint16Array.from(bytes).buffer);
    } catch (cause) {
      throw new DataError("truncated", "Cannot decode the image: its frame is damaged", { cause });
    }
  }

  async #jpegLsDecoder(): Promise<Decode> {
    const decoder = await (this.#jpegLs ??= JpegLs.load());
    return (frame) => decoder.decode(frame);
  }

  async #nativeDecoder(coding: NativeCoding): Promise<Decode> {
    const decoder = await (this.#native ??= NativeCodecs.load());
    return (frame, shape) => Promise.resolve(decoder.decode(frame, coding, shape));
  }
}

/** Values of one byte. */
const BYTES = { bitsAllocated: 8, bitsStored: 8, highBit: 7 } as const;

/** A frame's values, of the bits allocated. @throws {Error} for one that is damaged */
type Decode = (frame: Uint8Array, shape: PixelShape) => Promise<Uint8Array>;

/** The first `bytes` of what is there. @throws {DataError} `truncated` where there are fewer */
function whole(values: Uint8Array | undefined, bytes: number): Uint8Array {
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
