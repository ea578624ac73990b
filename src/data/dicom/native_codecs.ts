/**
 * The WebAssembly module of the package dcmjs-codecs, which decodes RLE, JPEG of every process (8 and 12 bit, lossless
 * with all predictors), JPEG 2000 and HTJ2K, by its plain C interface.
 *
 * Why not by the package's JavaScript: that wants the whole of dcmjs and one instance for ever. A damaged frame may
 * leave an instance in any state, so it is dropped then, and its memory with it.
 */

// Its version, and the import that makes Deno fetch the package, whose other file is found by name.
import about from "dcmjs-codecs/package.json" with { type: "json" };
import { packageFile } from "./package_file.ts";
import type { PixelShape } from "./pixel_shape.ts";
import type { Coding } from "./syntax.ts";

/** The module's file, and what it is in the package. */
export const CODECS = {
  file: "dcmjs-native-codecs.wasm",
  specifier: "dcmjs-codecs/build/dcmjs-native-codecs.wasm",
} as const;

/** What decodes. */
export const CODECS_VERSION = `dcmjs-codecs ${about.version}`;

/** Bytes of memory that an instance may have beside those for each pixel; one that has more is not used again. */
export const MEMORY = 64 * 2 ** 20;
/** The same for each pixel: JPEG 2000 takes most, 4 for a sample, twice, and its coded blocks. */
const MEMORY_A_PIXEL = 24;

/** Bytes of memory that a film may take. */
export function memoryFor({ rows, columns }: Pick<PixelShape, "rows" | "columns">): number {
  return MEMORY + MEMORY_A_PIXEL * rows * columns;
}

/** Decoders by coding. */
const DECODERS = {
  rle: "DecodeRle",
  jpeg: "DecodeJpeg",
  "jpeg-2000": "DecodeJpeg2000",
  "ht-jpeg-2000": "DecodeHtJpeg2000",
} as const;
export type NativeCoding = keyof typeof DECODERS & Coding;

/** The functions of an instance, and its memory. */
export type Codecs = Record<string, (...values: number[]) => number> & { memory: WebAssembly.Memory };

/** Decodes frames one after the other. */
export class NativeCodecs {
  readonly #module: WebAssembly.Module;
  #codecs: Codecs | null = null;
  #limit = 0;

  private constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  /** @throws {Error} when the file is missing or damaged */
  static async load(): Promise<NativeCodecs> {
    return new NativeCodecs(await compileCodecs());
  }

  /** @returns values of `bitsAllocated` bits, little endian @throws {Error} for a frame that is damaged */
  decode(frame: Uint8Array, coding: NativeCoding, shape: PixelShape): Uint8Array {
    this.#limit = memoryFor(shape);
    const codecs = this.#codecs ?? startCodecs(this.#module, () => this.#limit);
    this.#codecs = null;
    const context = codecs.CreateCodecsContext();
    describe(codecs, context, shape);
    codecs.SetEncodedBufferSize(context, frame.length);
    new Uint8Array(codecs.memory.buffer).set(frame, codecs.GetEncodedBuffer(context));
    const parameters = codecs.CreateDecoderParameters();
    codecs[DECODERS[coding]](context, parameters);
    const [at, bytes] = [codecs.GetDecodedBuffer(context), codecs.GetDecodedBufferSize(context)];
    const pixels = new Uint8Array(codecs.memory.buffer, at, bytes).slice();
    codecs.ReleaseDecoderParameters(parameters);
    codecs.ReleaseCodecsContext(context);
    if (codecs.memory.buffer.byteLength <= MEMORY) this.#codecs = codecs;
    return pixels;
  }
}

/** The module, compiled. @throws {Error} when its file is missing or damaged */
export async function compileCodecs(): Promise<WebAssembly.Module> {
  return await WebAssembly.compile(await Deno.readFile(await packageFile(CODECS)));
}

/** A new instance; `limit`: bytes of memory that it may have, asked whenever it grows. Its functions throw what goes wrong. */
export function startCodecs(module: WebAssembly.Module, limit: () => number): Codecs {
  const text = (at: number, bytes: number) =>
    new TextDecoder().decode(new Uint8Array(memory.buffer, at, bytes));
  const fail = (message: string): never => {
    throw new Error(message);
  };
  const grown = () => {
    if (memory.buffer.byteLength > limit()) fail(`expected at most ${limit()} bytes of memory`);
  };
  const { exports } = new WebAssembly.Instance(module, {
    env: {
      onCodecsException: (at: number, bytes: number) => fail(text(at, bytes)),
      onCodecsInfo: () => {},
      onCodecsTrace: () => {},
      emscripten_notify_memory_growth: grown,
    },
    wasi_snapshot_preview1: system(() => new DataView(memory.buffer), fail),
  });
  const codecs = exports as unknown as Codecs;
  const { memory } = codecs;
  codecs._initialize();
  return codecs;
}

/** Tells a context of the module what a frame's pixels are. */
export function describe(codecs: Codecs, context: number, shape: PixelShape): void {
  const { rows, columns, bitsAllocated, bitsStored, signed } = shape;
  codecs.SetColumns(context, columns);
  codecs.SetRows(context, rows);
  codecs.SetBitsAllocated(context, bitsAllocated);
  codecs.SetBitsStored(context, bitsStored);
  codecs.SetSamplesPerPixel(context, 1);
  codecs.SetPixelRepresentation(context, Number(signed));
  codecs.SetPlanarConfiguration(context, 0);
  codecs.SetPhotometricInterpretation(context, GREY);
}

/** MONOCHROME2 among the module's photometric interpretations. */
const GREY = 1;

/** What the module asks of a system: it may print, which nobody reads, and find no environment. */
function system(memory: () => DataView, fail: (message: string) => never): WebAssembly.ModuleImports {
  return {
    proc_exit: (code: number) => fail(`expected an end, got exit ${code}`),
    clock_time_get: () => 0,
    fd_close: () => 0,
    fd_seek: () => 0,
    fd_write: (_file: number, pieces: number, count: number, written: number) => {
      const view = memory();
      const sizes = Array.from({ length: count }, (_, i) => view.getUint32(pieces + 8 * i + 4, true));
      view.setUint32(written, sizes.reduce((sum, size) => sum + size, 0), true);
      return 0;
    },
    environ_sizes_get: (count: number, bytes: number) => {
      for (const at of [count, bytes]) memory().setUint32(at, 0, true);
      return 0;
    },
    environ_get: () => 0,
  };
}
