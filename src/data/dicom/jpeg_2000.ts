/**
 * JPEG 2000 at a lower resolution of its own, by OpenJPEG as WebAssembly: two levels down it takes a tenth of the time.
 *
 * Why a bound on memory here: what a frame says of its precincts and blocks costs the decoder memory before a pixel is
 * decoded, and the package would take 2 GB.
 */

import openjpeg from "@cornerstonejs/codec-openjpeg/decodewasmjs";
import { setDirname } from "../../files/emscripten.ts";
import { saturated } from "./codes.ts";
import { MEMORY, memoryFor } from "./native_codecs.ts";
import { packageFile } from "./package_file.ts";
import type { PixelShape } from "./pixel_shape.ts";

/** The module's file, and what it is in the package. */
export const OPENJPEG = {
  file: "openjpegwasm_decode.wasm",
  specifier: "@cornerstonejs/codec-openjpeg/decodewasm",
} as const;

/** What the package makes. */
interface Instance {
  HEAPU8: Uint8Array;
  J2KDecoder: new () => {
    getEncodedBuffer(bytes: number): Uint8Array;
    /** `layers`: quality layers to decode, 0 for all. */
    decodeSubResolution(halvings: number, layers: number): void;
    /** A copy, empty for a frame that cannot be decoded. */
    getDecodedBuffer(): Uint8ClampedArray<ArrayBuffer>;
    delete(): void;
  };
}

/** What is decoded. */
export interface Jpeg2000Options {
  /** How often each side is halved, at most as often as the frame has levels. */
  halvings: number;
  /** The whole film, by whose size memory is bounded. */
  shape: PixelShape;
}

/** Decodes frames one after the other. */
export class Jpeg2000Decoder {
  readonly #module: WebAssembly.Module;
  #instance: Instance | null = null;
  #limit = 0;

  private constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  /** @throws {Error} when the file is missing or damaged */
  static async load(): Promise<Jpeg2000Decoder> {
    setDirname();
    return new Jpeg2000Decoder(await WebAssembly.compile(await Deno.readFile(await packageFile(OPENJPEG))));
  }

  /**
   * @returns values of a byte each, or of two, little endian, where the frame's have over 8 bits; none beyond `highBit`,
   * as a filter makes them at the edge of what is white where the frame has room above
   * @throws {Error} for a frame that is damaged
   */
  async decode(frame: Uint8Array, { halvings, shape }: Jpeg2000Options): Promise<Uint8Array> {
    this.#limit = memoryFor(shape);
    const instance = this.#instance ?? await this.#start();
    this.#instance = null;
    const decoder = new instance.J2KDecoder();
    decoder.getEncodedBuffer(frame.length).set(frame);
    decoder.decodeSubResolution(halvings, 0);
    const { buffer } = decoder.getDecodedBuffer();
    decoder.delete();
    if (buffer.byteLength === 0) throw new Error("expected a frame that can be decoded");
    if (instance.HEAPU8.length <= MEMORY) this.#instance = instance;
    return saturated(new Uint8Array(buffer), shape);
  }

  #start(): Promise<Instance> {
    const instantiateWasm = (imports: WebAssembly.Imports, taken: (made: WebAssembly.Instance) => void) => {
      const made = new WebAssembly.Instance(this.#module, imports);
      this.#bound(Object.values(made.exports).find((one) => one instanceof WebAssembly.Memory)!);
      taken(made);
      return made.exports;
    };
    return openjpeg({ instantiateWasm, print: () => {}, printErr: () => {} }) as Promise<Instance>;
  }

  /** The package grows its memory by this function, and goes without where it throws. */
  #bound(memory: WebAssembly.Memory): void {
    const grow = memory.grow.bind(memory);
    memory.grow = (pages) => {
      if (memory.buffer.byteLength + PAGE * pages > this.#limit) {
        throw new RangeError(`expected at most ${this.#limit} bytes of memory`);
      }
      return grow(pages);
    };
  }
}

/** Bytes of a page of memory. */
const PAGE = 65_536;
