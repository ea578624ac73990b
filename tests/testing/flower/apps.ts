/** The Flower apps of the tests, and the .npz files that they read and write, by way of numpy itself. */
import { fileURLToPath } from "node:url";
import type { Layout } from "../../../src/model/layout.ts";
import { stateDict } from "../../../src/model/weights/model_file.ts";

/** Folders of the apps: `message` speaks Flower's Message API, `numpy` the older one of NumPyClients. */
export const FLOWER_APPS = {
  message: fileURLToPath(new URL("./apps/message", import.meta.url)),
  numpy: fileURLToPath(new URL("./apps/numpy", import.meta.url)),
};

/** The element types that the tests use, and the views that hold them. */
const VIEWS = {
  float32: Float32Array<ArrayBuffer>,
  float64: Float64Array<ArrayBuffer>,
  int64: BigInt64Array<ArrayBuffer>,
};

/** One array of a file, its values in C order; a shape of no numbers has one value. */
export interface NamedArray {
  name: string;
  dtype: keyof typeof VIEWS;
  shape: number[];
  values: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;
}

/** A model's vector as PyTorch saves it, counters of batches included. */
export function stateArrays(vector: Float32Array, layout: Layout): NamedArray[] {
  return [...stateDict(vector, layout)].map(([name, { shape, data }]) => ({
    ...{ name, shape, dtype: data instanceof Float32Array ? "float32" : "int64" },
    values: data.slice() as Float32Array<ArrayBuffer>,
  }));
}

/** Both programs speak one form: a line of JSON that lists name, dtype and shape, then all values. */
const READ = `
import json, sys, numpy as np
with np.load(sys.argv[1]) as stored:
    arrays = {name: np.asarray(stored[name]) for name in stored.files}
head = [{"name": n, "dtype": str(a.dtype), "shape": list(a.shape)} for n, a in arrays.items()]
sys.stdout.buffer.write(json.dumps(head).encode() + b"\\n" + b"".join(a.tobytes() for a in arrays.values()))
`;
const WRITE = `
import json, sys, numpy as np
arrays = {}
for one in json.loads(sys.stdin.buffer.readline()):
    count = int(np.prod(one["shape"], dtype=np.int64)) * np.dtype(one["dtype"]).itemsize
    arrays[one["name"]] = np.frombuffer(sys.stdin.buffer.read(count), one["dtype"]).reshape(one["shape"])
np.savez(sys.argv[1], **arrays)
`;

/** The arrays of an .npz file in its order, such as the final arrays of a run. */
export async function readArrays(path: string, options: { python: string }): Promise<NamedArray[]> {
  const bytes = await python(READ, { ...options, path, input: [] });
  const end = bytes.indexOf(10);
  let at = end + 1;
  const head: Omit<NamedArray, "values">[] = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  return head.map((one) => {
    const View = VIEWS[one.dtype];
    if (View === undefined) {
      throw new TypeError(`Cannot read ${path}: expected ${Object.keys(VIEWS).join(", ")}, got ${one.dtype}`);
    }
    const length = one.shape.reduce((product, size) => product * size, 1) * View.BYTES_PER_ELEMENT;
    const values = new View(bytes.slice(at, at + length).buffer);
    at += length;
    return { ...one, values };
  });
}

/** Writes an .npz file, such as the initial arrays of a run. */
export async function writeArrays(
  path: string,
  options: { python: string; arrays: readonly NamedArray[] },
): Promise<void> {
  const head = options.arrays.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
  const values = options.arrays.map(({ values: { buffer, byteOffset, byteLength } }) =>
    new Uint8Array(buffer, byteOffset, byteLength)
  );
  await python(WRITE, { python: options.python, path, input: [line, ...values] });
}

async function python(
  code: string,
  options: { python: string; path: string; input: readonly Uint8Array<ArrayBuffer>[] },
): Promise<Uint8Array<ArrayBuffer>> {
  const child = new Deno.Command(options.python, {
    args: ["-c", code, options.path],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ success, stdout, stderr }] = await Promise.all([
    child.output(),
    ReadableStream.from(options.input).pipeTo(child.stdin),
  ]);
  if (success) return stdout;
  const text = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new Error(`Cannot read or write ${options.path}: expected numpy to, got ${text}`);
}
