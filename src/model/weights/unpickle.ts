/**
 * A restricted unpickler: from a torch pickle to tensors that name their storage, never to code.
 *
 * Why restricted: a pickle is a program. This reader knows seven names (a dictionary, a tensor, a parameter, float and
 * integer storages) and refuses a file that asks for any other, before anything is called.
 */
import { type BufferReader, Parser } from "pickleparser";
import { refusal } from "../../refusal.ts";

/** A storage named by the pickle; its values are attached once they are found in the file. */
export class Storage {
  #values: Float32Array | Float64Array | null = null;

  constructor(readonly type: StorageType, readonly count: number) {}

  /** Length in the file. */
  get byteLength(): number {
    return this.count * this.type.itemSize;
  }

  /**
   * Takes the storage's bytes; integers are checked for length only.
   *
   * @throws {SyntaxError} when their number is not what the pickle said.
   */
  attach(key: string, bytes: Uint8Array): void {
    if (bytes.length !== this.byteLength) {
      throw bad(`${this.byteLength} bytes of storage ${key}`, `${bytes.length} (cut off?)`);
    }
    if (!this.type.isFloat) return;
    const { buffer } = new Uint8Array(bytes); // a copy, aligned; Buffer's slice() would be a view
    this.#values = this.type.itemSize === 4 ? new Float32Array(buffer) : new Float64Array(buffer);
  }

  get values(): Float32Array | Float64Array {
    if (this.#values === null) throw bad("the values of every storage", "a file without them");
    return this.#values;
  }
}

/** `torch.FloatStorage` and its like. */
export class StorageType {
  constructor(readonly itemSize: 4 | 8, readonly isFloat: boolean) {}
}

/** A strided view of a storage; offsets and strides count elements. */
export class StridedTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: number[],
    readonly stride: number[],
  ) {}

  /** Copies the view into C order, as f32. */
  gather(name: string): Float32Array {
    const { storage, offset, shape, stride } = this;
    const count = shape.reduce((a, b) => a * b, 1);
    const last = offset + shape.reduce((sum, n, i) => sum + (n - 1) * stride[i], 0);
    if (count > 0 && last >= storage.count) {
      throw bad(`${name} within ${storage.count} values`, `${last + 1}`);
    }
    const values = storage.values;
    const out = new Float32Array(count);
    const index = shape.map(() => 0);
    let at = offset;
    for (let i = 0; i < count; i++) {
      out[i] = values[at];
      for (let d = shape.length - 1; d >= 0; d--) {
        at += stride[d];
        if (++index[d] < shape[d]) break;
        at -= stride[d] * shape[d];
        index[d] = 0;
      }
    }
    return out;
  }
}

/**
 * Runs one pickle from `reader` on; storages it names are added to `storages`.
 *
 * What the allow-list hands out is frozen, so a file cannot change it for the next one.
 *
 * @throws {SyntaxError} when the pickle asks for anything else or is cut off.
 */
export function unpickle(reader: BufferReader, storages: Map<string, Storage>): unknown {
  const allowed: Record<string, unknown> = {
    "collections.OrderedDict": Object.freeze(() => new Map()),
    "torch._utils._rebuild_tensor_v2": Object.freeze(lazyTensor),
    "torch._utils._rebuild_parameter": Object.freeze((data: unknown) => data),
    "torch.FloatStorage": Object.freeze(new StorageType(4, true)),
    "torch.DoubleStorage": Object.freeze(new StorageType(8, true)),
    "torch.IntStorage": Object.freeze(new StorageType(4, false)),
    "torch.LongStorage": Object.freeze(new StorageType(8, false)),
  };
  const resolve = (module: string, name: string) => {
    const full = `${module}.${name}`;
    if (Object.hasOwn(allowed, full)) return allowed[full] as () => unknown;
    const wanted = full.slice(0, 80);
    throw refusal(SyntaxError, {
      what: "Cannot read weights",
      expected: "tensors only",
      got: `a pickle that asks for ${wanted} and could run code`,
      remedy:
        "save it again with torch.save(model.state_dict(), path) on a machine you trust, or as safetensors",
    });
  };
  const parser = new Parser({
    nameResolver: { resolve },
    persistentResolver: { resolve: (id) => storageOf(id, storages) },
    unpicklingTypeOfDictionary: "Map",
  });
  try {
    return parser.read(reader);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw cause;
    throw bad("a pickle", reason(cause), { cause });
  }
}

/** ('storage', type, key, location, count[, view]) → the storage of that key. */
function storageOf(id: unknown, storages: Map<string, Storage>): Storage {
  const [tag, type, key, , count, view] = Array.isArray(id) ? id : [];
  if (
    tag !== "storage" || !(type instanceof StorageType) || typeof key !== "string" || !isSize(count) || view
  ) {
    throw bad("a storage of floats or integers", "another persistent id");
  }
  const known = storages.get(key);
  if (known) return known;
  const storage = new Storage(type, count);
  storages.set(key, storage);
  return storage;
}

/** `torch._utils._rebuild_tensor_v2(storage, offset, shape, stride, …)`, gathered later. */
function lazyTensor(storage: unknown, offset: unknown, shape: unknown, stride: unknown): StridedTensor {
  if (!(storage instanceof Storage) || !isSize(offset) || !isSizes(shape) || !isSizes(stride)) {
    throw bad("a tensor of a storage, an offset, a shape and strides", "something else");
  }
  if (shape.length !== stride.length) throw bad(`${shape.length} strides`, `${stride.length}`);
  return new StridedTensor(storage, offset, shape, stride);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 16 && value.every(isSize);
}

/** What a caught value says, at most 200 characters. */
export function reason(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 200);
}

/** The error of a weight file that is not what it should be. */
export function bad(expected: string, got: string, options?: ErrorOptions): SyntaxError {
  return refusal(SyntaxError, { what: "Cannot read weights", expected, got }, options);
}
