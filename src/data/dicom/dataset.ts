/** A DICOM file's data set: what is asked of it by tag, in numbers and texts. */

import dicomParser, { type DataSet, type Element } from "dicom-parser";
import { inflateRawSync } from "node:zlib";
import { DataError } from "../quarantine.ts";
import { decoderOf } from "./charset.ts";
import { PIXEL_LIMIT } from "../sides.ts";
import { BIG_ENDIAN } from "./syntax.ts";

/** The pixels' tag. */
export const PIXELS = "x7fe00010";

/** Where the file's mark "DICM" stands, and the bytes that hold it. */
const MARK = 128;
export const MARKED = 132;

/** How much longer than its file a deflated data set may be, and its most bytes: the largest film's and a header's. */
const INFLATION = 64, INFLATED = 2 * PIXEL_LIMIT + 2 ** 24;

/** Whether the bytes begin as a DICOM file does: a preamble of 128 bytes, then DICM. */
export function isDicom(bytes: Uint8Array): boolean {
  return [0x44, 0x49, 0x43, 0x4d].every((byte, i) => bytes[MARK + i] === byte);
}

/** Tags as dicom-parser writes them, such as x00280010. */
export type Tag = `x${string}`;

/** A data set, or an item of a sequence in one. Nothing is copied out of the file before it is asked for. */
export class Dataset {
  readonly #set: DataSet;
  readonly #text: TextDecoder;

  private constructor(set: DataSet, text: TextDecoder) {
    this.#set = set;
    this.#text = text;
  }

  /**
   * Reads a file's header; pixels are found, not decoded.
   *
   * @param options.header only what comes before the pixels @default false
   * @throws {DataError} `not_an_image` where it is no DICOM file, `truncated` where it is damaged or cut short
   */
  static parse(bytes: Uint8Array, options: { header?: boolean } = {}): Dataset {
    if (!isDicom(bytes)) {
      throw new DataError("not_an_image", "Cannot read the file: expected DICOM, got something else");
    }
    const set = parsed(bytes, options.header ? { untilTag: PIXELS } : {});
    return new Dataset(set, decoderOf(set.string("x00080005") ?? ""));
  }

  /** The UID of the file's transfer syntax. */
  get syntax(): string {
    return this.text("x00020010");
  }

  /** Whether numbers have their first byte last. */
  get littleEndian(): boolean {
    return this.syntax !== BIG_ENDIAN;
  }

  /** A text without padding, all values of it; "" where there is none. */
  text(tag: Tag): string {
    const found = this.#bytes(tag);
    return found === undefined ? "" : this.#text.decode(found).replace(/[\0 ]+$/, "").trimStart();
  }

  /** The first value of a text. */
  first(tag: Tag): string {
    return this.text(tag).split("\\")[0].trim();
  }

  /** Decimal numbers of a text (DS, IS); those that are none are NaN. Empty where there is nothing. */
  decimals(tag: Tag): number[] {
    const text = this.text(tag);
    return text === "" ? [] : text.split("\\").map((part) => part.trim() === "" ? NaN : Number(part));
  }

  /** A whole number of two bytes; undefined where there is none. */
  uint16(tag: Tag, index = 0): number | undefined {
    return this.#number(tag, index, (set) => set.uint16(tag, index));
  }

  /** The same, with a sign. */
  int16(tag: Tag, index = 0): number | undefined {
    return this.#number(tag, index, (set) => set.int16(tag, index));
  }

  /** The items of a sequence. */
  items(tag: Tag): Dataset[] {
    const items = this.#set.elements[tag]?.items ?? [];
    return items.flatMap(({ dataSet }) => dataSet === undefined ? [] : [new Dataset(dataSet, this.#text)]);
  }

  /** An element's bytes, a view; undefined where there is none. @throws {DataError} `truncated` where the file ends before */
  bytes(tag: Tag): Uint8Array | undefined {
    const found = this.#bytes(tag);
    const element = this.#set.elements[tag];
    if (found !== undefined && found.length < element.length) throw damaged();
    return found;
  }

  /** The fragments of encapsulated pixels, in order; undefined where pixels are not encapsulated. */
  fragments(tag: Tag): Uint8Array[] | undefined {
    const element = this.#set.elements[tag];
    if (element?.fragments === undefined) return undefined;
    const file = this.#set.byteArray as Uint8Array;
    return element.fragments.map(({ position, length }) => {
      if (position + length > file.length) throw damaged();
      return file.subarray(position, position + length);
    });
  }

  has(tag: Tag): boolean {
    return this.#set.elements[tag] !== undefined;
  }

  #bytes(tag: Tag): Uint8Array | undefined {
    const element: Element | undefined = this.#set.elements[tag];
    if (element === undefined) return undefined;
    return (this.#set.byteArray as Uint8Array).subarray(
      element.dataOffset,
      element.dataOffset + element.length,
    );
  }

  #number(tag: Tag, index: number, read: (set: DataSet) => number | undefined): number | undefined {
    const element = this.#set.elements[tag];
    if (element === undefined || element.length < 2 * (index + 1)) return undefined;
    try {
      return read(this.#set);
    } catch (cause) {
      throw damaged(cause);
    }
  }
}

/**
 * The elements that dicom-parser finds. Those behind the pixels are of no use: some writers leave there what is none.
 *
 * @throws {DataError}
 */
function parsed(bytes: Uint8Array, until: { untilTag?: Tag }): DataSet {
  try {
    return dicomParser.parseDicom(bytes, { inflater, ...until } as dicomParser.ParseDicomOptions);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const { dataSet } = Object(cause) as { dataSet?: DataSet };
    if (dataSet?.elements[PIXELS] === undefined) throw damaged(cause);
    // The parser would have done so at its end.
    Object.assign(dataSet.elements, dicomParser.readPart10Header(bytes).elements);
    return dataSet;
  }
}

/** Gives dicom-parser the whole file with what follows `position` inflated. */
function inflater(file: Uint8Array, position: number): Uint8Array {
  try {
    const most = Math.min(INFLATION * file.length, INFLATED);
    const rest = inflateRawSync(file.subarray(position), { maxOutputLength: most });
    const whole = new Uint8Array(position + rest.length);
    whole.set(file.subarray(0, position));
    whole.set(rest, position);
    return whole;
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ERR_BUFFER_TOO_LARGE") throw cause;
    throw new DataError(
      "too_large",
      `Cannot read the file: what it holds is over ${INFLATION} times its size, or over ${INFLATED} bytes`,
      { cause },
    );
  }
}

function damaged(cause?: unknown): DataError {
  return new DataError("truncated", "Cannot read the file: it is cut short or damaged", { cause });
}
