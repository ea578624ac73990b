/**
 * Stored values become the grey levels that a radiologist is shown, by DICOM's own chain: modality LUT or rescale,
 * then VOI LUT or window, then the inversion (PS3.3 C.11.1, C.11.2; PS3.4 N.2).
 *
 * Why one table over all codes: a value has at most 16 bits, so each code is looked up, never computed twice, and
 * what is rare costs nothing.
 */

import type { Dataset, Tag } from "./dataset.ts";
import { type PixelShape, unsupported } from "./pixel_shape.ts";

/** How values were laid onto the grey scale. `full range`: 8 bits without a window; `percentiles`: more without one. */
export type Windowing = "VOI LUT" | "LINEAR" | "LINEAR_EXACT" | "SIGMOID" | "full range" | "percentiles";

/** Shares of the film's pixels that are black, and white, where the file has no window. */
const BLACK = .005, WHITE = .995;

/** A function of a stored value, or of a modality value. */
type Curve = (value: number) => number;

/**
 * The grey level of every code, 0 to 2^`bitsStored` - 1, 0 black to 255 white; padding is black.
 *
 * @param count tells how many pixels have each code
 * @throws {DataError} `unsupported_pixels` for a chain that makes no sense, such as a window without a width
 */
export function greyLevels(
  set: Dataset,
  shape: PixelShape,
  count: () => Uint32Array,
): { levels: Uint8Array; windowing: Windowing } {
  const { bitsStored, signed, inverted } = shape;
  const codes = 2 ** bitsStored;
  const stored = (code: number) => signed && code >= codes / 2 ? code - codes : code;
  const modality = modalityOf(set, shape);
  const padding = paddingOf(set, shape);
  const values = new Float64Array(codes), padded = new Uint8Array(codes);
  for (let code = 0; code < codes; code++) {
    values[code] = modality(stored(code));
    padded[code] = Number(padding(stored(code)));
  }
  const seen = () => count().map((pixels, code) => padded[code] ? 0 : pixels);
  const { windowing, shown } = windowOf(set, { shape, values, seen });
  const levels = new Uint8Array(codes);
  for (let code = 0; code < codes; code++) {
    const grey = Math.min(1, Math.max(0, shown(values[code])));
    if (!padded[code]) levels[code] = Math.round(255 * (inverted ? 1 - grey : grey));
  }
  return { levels, windowing };
}

/** The modality LUT's values, else rescaled ones. */
function modalityOf(set: Dataset, shape: PixelShape): Curve {
  const [lut] = set.items("x00283000");
  if (lut !== undefined) return lutOf(lut, { set, signed: shape.signed }).at;
  const [slope = 1] = set.decimals("x00281053"), [intercept = 0] = set.decimals("x00281052");
  if (!Number.isFinite(slope) || !Number.isFinite(intercept) || slope === 0) {
    throw unsupported("a rescale slope and intercept", `${slope} and ${intercept}`);
  }
  return (value) => slope * value + intercept;
}

/** Whether a stored value is padding: the value of PixelPaddingValue, or those up to PixelPaddingRangeLimit. */
function paddingOf(set: Dataset, { signed }: PixelShape): (stored: number) => boolean {
  const read = (tag: Tag) => signed ? set.int16(tag) : set.uint16(tag);
  const value = read("x00280120");
  if (value === undefined) return () => false;
  const limit = read("x00280121") ?? value;
  const [low, high] = [Math.min(value, limit), Math.max(value, limit)];
  return (stored) => stored >= low && stored <= high;
}

/** What lays modality values onto 0 black to 1 white; beyond both it is clipped. The first of several is taken. */
function windowOf(
  set: Dataset,
  { shape, values, seen }: { shape: PixelShape; values: Float64Array; seen: () => Uint32Array },
): { windowing: Windowing; shown: Curve } {
  const [voi] = set.items("x00283010");
  if (voi !== undefined) {
    const { at, most } = lutOf(voi, { set, signed: values.some((value) => value < 0) });
    return { windowing: "VOI LUT", shown: (value) => at(value) / most };
  }
  const [center] = set.decimals("x00281050"), [width] = set.decimals("x00281051");
  if (center !== undefined && width !== undefined) {
    return windowed({ center, width, kind: set.first("x00281056").toUpperCase() || "LINEAR" });
  }
  if (shape.bitsStored <= 8) {
    return { windowing: "full range", shown: between([lowest(values), highest(values)]) };
  }
  return { windowing: "percentiles", shown: between(percentiles(values, seen())) };
}

/** PS3.3 C.11.2.1.2 and C.11.2.1.3. */
function windowed(
  { center, width, kind }: { center: number; width: number; kind: string },
): { windowing: Windowing; shown: Curve } {
  const least = kind === "LINEAR" ? 1 : 0;
  if (!Number.isFinite(center) || !Number.isFinite(width) || width < least || width === 0) {
    throw unsupported(
      `a window of a width from ${least || "above 0"}`,
      `center ${center} and width ${width}`,
    );
  }
  switch (kind) {
    case "LINEAR": {
      const middle = center - .5;
      // A width of 1 is a threshold: the quotient is not used.
      return {
        windowing: kind,
        shown: (value) => width === 1 ? Number(value > middle) : (value - middle) / (width - 1) + .5,
      };
    }
    case "LINEAR_EXACT":
      return { windowing: kind, shown: (value) => (value - center) / width + .5 };
    case "SIGMOID":
      return { windowing: kind, shown: (value) => 1 / (1 + Math.exp(-4 * (value - center) / width)) };
    default:
      throw unsupported("a VOI LUT function LINEAR, LINEAR_EXACT or SIGMOID", kind.slice(0, 16));
  }
}

/** Black at the first value, white at the second; all black where they are equal. */
function between([black, white]: readonly [number, number]): Curve {
  return (value) => white > black ? (value - black) / (white - black) : 0;
}

const lowest = (values: Float64Array) => values.reduce((a, b) => Math.min(a, b));
const highest = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b));

/** The values below which {@linkcode BLACK} and {@linkcode WHITE} of the pixels lie. */
function percentiles(values: Float64Array, counts: Uint32Array): readonly [number, number] {
  const codes = Uint32Array.from(values.keys()).filter((code) => counts[code] > 0)
    .sort((a, b) => values[a] - values[b]);
  const total = codes.reduce((sum, code) => sum + counts[code], 0);
  const at = (share: number) => {
    let below = 0;
    const found = codes.find((code) => (below += counts[code]) > share * total);
    return values[found ?? codes.at(-1) ?? 0];
  };
  return [at(BLACK), at(WHITE)];
}

/**
 * A look-up table of an item (PS3.3 C.11.1.1): values before its first take the first entry, values after its last the
 * last.
 *
 * @returns `most`: the largest value that its bits can have
 */
function lutOf(
  item: Dataset,
  { set, signed }: { set: Dataset; signed: boolean },
): { at: Curve; most: number } {
  const first = (signed ? item.int16("x00283002", 1) : item.uint16("x00283002", 1)) ?? 0;
  const bits = item.uint16("x00283002", 2) ?? 0;
  const entries = item.uint16("x00283002") || 65_536;
  const data = item.bytes("x00283006");
  if (data === undefined || bits < 1 || bits > 16 || data.length < entries) {
    throw unsupported("a look-up table with its data", `${entries} entries in ${data?.length ?? 0} bytes`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const wide = data.length >= 2 * entries;
  const at = (value: number) => {
    const place = Math.min(entries - 1, Math.max(0, Math.round(value) - first));
    return wide ? view.getUint16(2 * place, set.littleEndian) : view.getUint8(place);
  };
  return { at, most: 2 ** bits - 1 };
}
