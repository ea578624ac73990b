import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type FileTensor, readSafetensors } from "../../../src/model/weights/safetensors.ts";
import { safetensorsFile } from "../../testing/safetensors_file.ts";

const tensors = new Map<string, FileTensor>([
  ["a", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, -0) }],
  ["count", { shape: [], data: new BigInt64Array(1) }],
  ["b", { shape: [1], data: Float32Array.of(NaN) }],
]);

/** A file with the given header over `size` zero bytes. */
function file(header: unknown, size: number): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

Deno.test("readSafetensors returns what safetensorsParts wrote, bit for bit, without copying", () => {
  const bytes = safetensorsFile(tensors, { format: "pt" });
  const read = readSafetensors(bytes);
  assertEquals(read.metadata, { format: "pt" });
  for (const [name, { shape, data }] of tensors) assertEquals(read.tensors.get(name), { shape, data });
  assert(read.tensors.get("a")!.data.buffer === bytes.buffer);
});

Deno.test("readSafetensors reads bytes that start at an odd offset", () => {
  const bytes = safetensorsFile(tensors);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  assertEquals(readSafetensors(shifted.subarray(1)).tensors.get("a")!.data, tensors.get("a")!.data);
});

Deno.test("readSafetensors refuses every cut of a file", () => {
  const bytes = safetensorsFile(tensors);
  for (let n = 0; n < bytes.length; n++) {
    assertThrows(() => readSafetensors(bytes.subarray(0, n)), SyntaxError);
  }
  const cut = assertThrows(() => readSafetensors(bytes.subarray(0, bytes.length - 1)), SyntaxError);
  assertStringIncludes(cut.message, "(remedy: copy the file again from where it was made");
});

Deno.test("readSafetensors refuses overlaps, gaps, wrong sizes and huge lengths", () => {
  const entry = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
    dtype: "F32",
    shape,
    data_offsets: [begin, end],
  });
  assertThrows(() => readSafetensors(file({ a: entry(0, 8), b: entry(4, 12) }, 12)), SyntaxError, "overlap");
  assertThrows(() => readSafetensors(file({ a: entry(0, 4), b: entry(8, 12) }, 12)), SyntaxError, "gap");
  assertThrows(() => readSafetensors(file({ a: entry(0, 8, [3]) }, 8)), SyntaxError, "12 bytes");
  assertThrows(() => readSafetensors(file({ a: entry(0, 8) }, 12)), SyntaxError, "8 data bytes");
  assertThrows(() => readSafetensors(file({ a: entry(0, 4, [2 ** 52, 2 ** 52]) }, 4)), SyntaxError);
  assertThrows(() => readSafetensors(file({ a: { ...entry(0, 4), dtype: "F16" } }, 4)), SyntaxError, "F16");
  const huge = file({}, 0);
  new DataView(huge.buffer).setBigUint64(0, 2n ** 60n, true);
  assertThrows(() => readSafetensors(huge), SyntaxError, "header");
});

Deno.test("safetensorsParts refuses a shape that does not fit", () => {
  assertThrows(
    () => safetensorsFile(new Map([["a", { shape: [2], data: new Float32Array(3) }]])),
    RangeError,
    "tensor a",
  );
});
