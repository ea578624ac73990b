/** JPEG-LS by CharLS as WebAssembly: two and a half times as fast as the module that decodes the rest. */

import charls from "@cornerstonejs/codec-charls/decodewasmjs";
import { setDirname } from "../../files/emscripten.ts";
import { packageFile } from "./package_file.ts";

/** The module's file, and what it is in the package. */
export const CHARLS = {
  file: "charlswasm_decode.wasm",
  specifier: "@cornerstonejs/codec-charls/decodewasm",
} as const;

/** Bytes of memory above which an instance is not used again. */
const MEMORY = 64 * 2 ** 20;

/** What the package makes. */
interface Instance {
  HEAPU8: Uint8Array;
  JpegLSDecoder: new () => {
    getEncodedBuffer(bytes: number): Uint8Array;
    decode(): void;
    getDecodedBuffer(): Uint8Array;
    delete(): void;
  };
}

/** Decodes frames one after the other. */
export class JpegLs {
  readonly #file: Uint8Array;
  #instance: Instance | null = null;

  private constructor(file: Uint8Array) {
    this.#file = file;
  }

  /** @throws {Error} when the file is missing or damaged */
  static async load(): Promise<JpegLs> {
    setDirname();
    const decoder = new JpegLs(await Deno.readFile(await packageFile(CHARLS)));
    decoder.#instance = await decoder.#start();
    return decoder;
  }

  /** @returns values of a byte each, or of two, little endian, where the frame's have over 8 bits @throws {Error} for a frame that is damaged */
  async decode(frame: Uint8Array): Promise<Uint8Array> {
    const instance = this.#instance ?? await this.#start();
    this.#instance = null;
    const decoder = new instance.JpegLSDecoder();
    decoder.getEncodedBuffer(frame.length).set(frame);
    decoder.decode();
    const pixels = decoder.getDecodedBuffer().slice();
    decoder.delete();
    if (instance.HEAPU8.length <= MEMORY) this.#instance = instance;
    return pixels;
  }

  #start(): Promise<Instance> {
    return charls({ wasmBinary: this.#file, print: () => {}, printErr: () => {} }) as Promise<Instance>;
  }
}
