/**
 * The safetensors file format (huggingface/safetensors): u64 header length, JSON header, tensor bytes.
 *
 * Why our own: a dozen lines of format, and every length is checked against the file before anything is allocated.
 */
import { refusal } from "../../refusal.ts";

/** One tensor: f32 data, or i64 for torchvision's `num_batches_tracked` scalars. */
export interface FileTensor {
  shape: number[];
  data: Float32Array | BigInt64Array;
}

/** Largest header that is read; EfficientNet-B0's is 40 kB. */
const MAX_HEADER = 16 << 20;

/** A copy that was never written, as on a full disk. */
const CUT = "copy the file again from where it was made; look whether the disk was full";

const SIZES: Record<string, number> = { F32: 4, I64: 8 };

/**
 * A file's parts in order: the header, padded so that data starts at a multiple of 8 bytes, then views of the tensors
 * in map order.
 */
export function safetensorsParts(
  tensors: Map<string, FileTensor>,
  metadata: Record<string, string> = {},
): Uint8Array[] {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  // i64 first keeps every tensor aligned to its own size.
  const ordered = [...tensors].sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  for (const [name, { shape, data }] of ordered) {
    if (shape.reduce((a, b) => a * b, 1) !== data.length) {
      throw new RangeError(
        `Cannot write tensor ${name}: expected ${shape.join("x")} values, got ${data.length}`,
      );
    }
    const end = offset + data.byteLength;
    header[name] = {
      dtype: data instanceof Float32Array ? "F32" : "I64",
      shape,
      data_offsets: [offset, end],
    };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  const start = new Uint8Array(8 + length);
  new DataView(start.buffer).setBigUint64(0, BigInt(length), true);
  start.fill(0x20, 8).set(json, 8);
  return [
    start,
    ...ordered.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
}

/**
 * Reads a file's tensors (F32 and I64 only) and metadata; f32 data is a view of `bytes` where alignment allows.
 *
 * @throws {SyntaxError} when the bytes are cut off, overlap, or do not hold what the header says.
 */
export function readSafetensors(
  bytes: Uint8Array,
): { tensors: Map<string, FileTensor>; metadata: Record<string, string> } {
  const { header, start } = readHeader(bytes);
  const tensors = new Map<string, FileTensor>();
  const spans: { name: string; begin: number; end: number }[] = [];
  const metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      for (const [key, value] of Object.entries(entry as object)) metadata[key] = String(value);
      continue;
    }
    const { dtype, shape, begin, end } = checkEntry(name, entry, bytes.length - start);
    spans.push({ name, begin, end });
    tensors.set(name, { shape, data: viewOf(bytes, { dtype, begin: start + begin, end: start + end }) });
  }
  checkSpans(spans, bytes.length - start);
  return { tensors, metadata };
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  if (bytes.length === 0) throw bad("a model", "an empty file (0 bytes)", { remedy: CUT });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? NaN : Number(view.getBigUint64(0, true));
  if (!(length >= 2 && length <= Math.min(MAX_HEADER, bytes.length - 8))) {
    throw bad(`a header of 2…${MAX_HEADER} bytes within the file`, `${length} in ${bytes.length} bytes`);
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    throw bad("a JSON header", "other bytes", { cause });
  }
  if (header === null || typeof header !== "object" || Array.isArray(header)) {
    throw bad("a JSON object as header", Array.isArray(header) ? "an array" : String(header));
  }
  return { header: header as Record<string, unknown>, start: 8 + length };
}

function checkEntry(
  name: string,
  entry: unknown,
  available: number,
): { dtype: string; shape: number[]; begin: number; end: number } {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const size = typeof dtype === "string" && Object.hasOwn(SIZES, dtype) ? SIZES[dtype] : 0;
  if (size === 0) throw bad(`${name} to be F32 or I64`, String(dtype));
  if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw bad(`${name} to have a shape and two offsets`, JSON.stringify(entry));
  }
  const [begin, end] = offsets;
  if (begin > end || end > available) {
    throw bad(`${name} within ${available} data bytes`, `${begin}…${end} (truncated file?)`, { remedy: CUT });
  }
  const bytes = shape.reduce((a, b) => a * b, size);
  if (bytes !== end - begin) throw bad(`${name} of ${bytes} bytes`, `${end - begin}`);
  return { dtype: dtype as string, shape, begin, end };
}

/** Tensors must tile the data without overlap or gap, as the format demands. */
function checkSpans(spans: { name: string; begin: number; end: number }[], available: number): void {
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of spans) {
    if (begin !== at) throw bad(`${name} to begin at byte ${at}`, `${begin} (overlap or gap)`);
    at = end;
  }
  if (at !== available) throw bad(`${at} data bytes`, `${available}`);
}

function viewOf(bytes: Uint8Array, span: { dtype: string; begin: number; end: number }): FileTensor["data"] {
  const kind = span.dtype === "F32" ? Float32Array : BigInt64Array;
  const count = (span.end - span.begin) / kind.BYTES_PER_ELEMENT;
  const offset = bytes.byteOffset + span.begin;
  if (offset % kind.BYTES_PER_ELEMENT === 0) return new kind(bytes.buffer as ArrayBuffer, offset, count);
  return new kind(new Uint8Array(bytes.subarray(span.begin, span.end)).buffer, 0, count);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 16 && value.every((v) => Number.isSafeInteger(v) && v >= 0);
}

function bad(
  expected: string,
  got: string,
  { remedy, ...options }: ErrorOptions & { remedy?: string } = {},
): SyntaxError {
  return refusal(SyntaxError, { what: "Cannot read safetensors", expected, got, remedy }, options);
}
