import { assertEquals, assertThrows } from "@std/assert";
import { decodeNpy, encodeNpy } from "../../../../src/fed/flower/codec/npy.ts";

/** An .npy file with a header of one's own. */
function npy(header: string, data: Uint8Array, version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = version === 1
    ? [text.length & 255, text.length >> 8]
    : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.of(0x93, ...new TextEncoder().encode("NUMPY"), version, 0, ...length, ...text, ...data);
}
const bytesOf = (values: ArrayBufferView) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
const header = (descr: string, shape: string, fortran = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

Deno.test("arrays read back, a single number and whole numbers too", () => {
  for (const shape of [[], [3], [2, 3], [1, 1, 3, 2]]) {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i - 1.5);
    const file = encodeNpy({ shape, values });
    assertEquals((file.length - 4 * values.length) % 64, 0);
    assertEquals(decodeNpy(file, { most: 100 }), { kind: "f4", shape, values });
  }
  const count = encodeNpy({ shape: [], values: BigInt64Array.of(12n) });
  assertEquals(decodeNpy(count, { most: 1 }), { kind: "i8", shape: [], values: Float64Array.of(12) });
});

Deno.test("other forms that numpy writes are read: columns first, doubles, longer headers, no byte order", () => {
  const columns = npy(header("<f4", "(2, 3)", "True"), bytesOf(Float32Array.of(1, 4, 2, 5, 3, 6)));
  assertEquals(decodeNpy(columns, { most: 6 }).values, Float32Array.of(1, 2, 3, 4, 5, 6));
  const doubles = npy(header("<f8", "()"), bytesOf(Float64Array.of(2.5)), 2);
  assertEquals(decodeNpy(doubles, { most: 1 }), { kind: "f8", shape: [], values: Float64Array.of(2.5) });
  const whole = npy(header("<i4", "(2,)"), bytesOf(Int32Array.of(-1, 7)), 3);
  assertEquals(decodeNpy(whole, { most: 2 }).values, Float64Array.of(-1, 7));
});

Deno.test("what is no array of weights is refused with what was expected, before anything is allocated for it", () => {
  const ones = bytesOf(Float32Array.of(1, 1));
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(0), "an .npy file"],
    [npy(header("<f4", "(2,)"), ones).with(0, 0), "an .npy file"],
    [npy(header("<f4", "(2,)"), ones).with(6, 9), "an .npy file"],
    [npy(header("<f4", "(3,)"), ones), "expected 12 bytes, got 8"],
    [npy(header("<f4", "(99999999999,)"), ones), "at most 10 numbers, got 99999999999"],
    [npy(header("<f4", "(99999999999, 0)"), ones), "expected 0 bytes, got 8"],
    [npy(header("<f4", "(1e9,)"), ones), "a header with descr"],
    [npy(header("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 2)"), ones), "up to 8 sides, got 9"],
    [npy(header(">f4", "(2,)"), ones), "got >f4"],
    [npy(header("|O", "(2,)"), ones), "got |O"],
    [npy("{'shape': (2,), }\n", ones), "a header with descr"],
    [npy("x".repeat(5000), ones), "a header"],
  ];
  for (const [bytes, words] of cases) {
    assertThrows(() => decodeNpy(bytes, { most: 10 }), SyntaxError, words);
  }
});
