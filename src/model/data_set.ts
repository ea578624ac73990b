import {
  bytesOf,
  check,
  checkAsync,
  handle,
  type Libraries,
  type Library,
  openLibrary,
} from "../shim/library.ts";

/** Most bytes of pixels in one call: the ABI takes 64 MiB. */
const PUT_BYTES = 32 << 20;

/** Grey images with labels, held by native code. Freed by `using` or when disposed; never by the collector. */
export class DataSet implements Disposable {
  readonly #library: Library;
  #id: number;
  private constructor(library: Library, id: number, readonly n: number, readonly size: number) {
    this.#library = library;
    this.#id = id;
  }

  /** Room for n images of size × size, all black, all labelled 0. */
  static create(libraries: Libraries, { n, size }: { n: number; size: number }): Promise<DataSet> {
    const library = openLibrary(libraries);
    const id = handle(
      "fedx_data_create",
      (out, err, errlen) => library.symbols.fedx_data_create(n, size, size, out, err, errlen),
    );
    return Promise.resolve(new DataSet(library, id, n, size));
  }

  /** The native handle. @throws {NativeError} code "handle" in the next call once disposed */
  get id(): number {
    return this.#id;
  }

  /** Copies whole images in from row `first`. pixels: (k, size, size) u8. */
  async put(first: number, pixels: Uint8Array): Promise<void> {
    const image = this.size * this.size;
    const images = Math.max(1, Math.floor(PUT_BYTES / image));
    if (pixels.length % image !== 0) {
      throw new RangeError(
        `Cannot put pixels: expected whole images of ${image} bytes, got ${pixels.length} bytes`,
      );
    }
    for (let at = 0; at < pixels.length; at += images * image) {
      const part = bytesOf(pixels.subarray(at, at + images * image));
      await checkAsync(
        "fedx_data_put",
        (err, errlen) =>
          this.#library.symbols.fedx_data_put(this.#id, first + at / image, part, part.length, err, errlen),
      );
    }
  }

  /** Sets labels from row `first`. labels: (k) u8, each 0 or 1. */
  labels(first: number, labels: Uint8Array): void {
    check(
      "fedx_data_labels",
      (err, errlen) =>
        this.#library.symbols.fedx_data_labels(this.#id, first, bytesOf(labels), labels.length, err, errlen),
    );
  }

  [Symbol.dispose](): void {
    if (this.#id === 0) return;
    this.#library.symbols.fedx_data_destroy(this.#id, new Uint8Array(1), 1);
    this.#id = 0;
  }
}
