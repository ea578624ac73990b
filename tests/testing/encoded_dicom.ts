/** DICOM files of one frame in compressed syntaxes, for tests: the frame is encoded by the package that decodes it. */
import { compileCodecs, describe, startCodecs } from "../../src/data/dicom/native_codecs.ts";
import { joinChunks } from "../../src/fed/wire/exchange.ts";
import { dicomFile, type DicomOptions } from "./dicom.ts";

/** Lossless syntaxes, by the function that encodes each. */
const ENCODERS = {
  "1.2.840.10008.1.2.5": "EncodeRle",
  "1.2.840.10008.1.2.4.70": "EncodeJpeg",
  "1.2.840.10008.1.2.4.80": "EncodeJpegLs",
  "1.2.840.10008.1.2.4.90": "EncodeJpeg2000",
  "1.2.840.10008.1.2.4.201": "EncodeHtJpeg2000",
} as const;
export type Encoded = keyof typeof ENCODERS;
export const ENCODED = Object.keys(ENCODERS) as Encoded[];

const module = await compileCodecs();
const codecs = startCodecs(module, () => Infinity);

/** A film to compress. */
type Original = DicomOptions & { pixels: Uint8Array | Uint16Array; syntax: Encoded };

/** What `dicomFile` makes, with its pixels compressed. */
export function encodedDicom(options: Original): Uint8Array<ArrayBuffer> {
  const header = dicomFile({ ...options, attributes: { ...options.attributes, "7fe0,0010": null } });
  return joinChunks([header, encapsulated(encodedFrame(options))]);
}

/** Its frame alone. */
export function encodedFrame(options: Original): Uint8Array {
  const { width = 32, height = 32, bits = 8, pixels, syntax } = options;
  const raw = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  const context = codecs.CreateCodecsContext();
  describe(codecs, context, {
    ...{ rows: height, columns: width, bitsAllocated: bits <= 8 ? 8 : 16, bitsStored: bits },
    ...{ highBit: bits - 1, signed: false, inverted: false },
  });
  codecs.SetDecodedBufferSize(context, raw.length);
  new Uint8Array(codecs.memory.buffer).set(raw, codecs.GetDecodedBuffer(context));
  const parameters = codecs.CreateEncoderParameters();
  codecs.SetLossy(parameters, 0);
  codecs.SetPredictor(parameters, 1);
  codecs[ENCODERS[syntax]](context, parameters);
  const [at, bytes] = [codecs.GetEncodedBuffer(context), codecs.GetEncodedBufferSize(context)];
  const frame = new Uint8Array(codecs.memory.buffer, at, bytes).slice();
  codecs.ReleaseEncoderParameters(parameters);
  codecs.ReleaseCodecsContext(context);
  return frame;
}

/** The pixels' element: an empty offset table, a frame's fragments, the end (PS3.5 annex A.4). */
export function encapsulated(...fragments: Uint8Array[]): Uint8Array {
  const item = (element: number, length: number) => {
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setUint16(0, 0xfffe, true);
    bytes.setUint16(2, element, true);
    bytes.setUint32(4, length, true);
    return new Uint8Array(bytes.buffer);
  };
  const start = Uint8Array.of(0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x42, 0, 0, 0xff, 0xff, 0xff, 0xff); // OB, no length
  const items = fragments.flatMap((fragment) => {
    const padding = new Uint8Array(fragment.length % 2);
    return [item(0xe000, fragment.length + padding.length), fragment, padding];
  });
  return joinChunks([start, item(0xe000, 0), ...items, item(0xe0dd, 0)]);
}
