import { assertEquals, assertThrows } from "@std/assert";
import { encodeNpy } from "../../../src/fed/flower/codec/npy.ts";
import type { NamedArray } from "../../../src/fed/flower/codec/records.ts";
import { readModel, startModel, writeModel } from "../../../src/fed/flower/weights.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { NETWORK_NAMES } from "../../../src/model/networks/networks.ts";
import { stateDict } from "../../../src/model/weights/model_file.ts";
import { vectorWith } from "../../testing/measured_roles.ts";

/** An .npy file of doubles that are all the same. */
function doubles(shape: number[], value: number): Uint8Array {
  const length = shape.reduce((product, side) => product * side, 1);
  const like = encodeNpy({ shape, values: new BigInt64Array(length) });
  const bytes = like.slice();
  bytes[bytes.indexOf("i".charCodeAt(0), 20)] = "f".charCodeAt(0);
  new Uint8Array(bytes.buffer).set(
    new Uint8Array(new Float64Array(length).fill(value).buffer),
    bytes.length - 8 * length,
  );
  return bytes;
}

type Form = { list: boolean; counted: boolean };

/** A model's arrays in the order of its state_dict. */
function arraysOf(
  vector: Float32Array,
  layout: ReturnType<typeof layoutOf>,
  { list, counted }: Form,
): NamedArray[] {
  return [...stateDict(vector, layout)].flatMap(([name, { shape, data }]): NamedArray[] => {
    const told = list ? { dtype: "", shape: [] } : { shape, dtype: "float32" };
    if (data instanceof Float32Array) {
      return [{ name, npy: encodeNpy({ shape, values: data }), ...told }];
    }
    const npy = encodeNpy({ shape, values: BigInt64Array.of(7n) });
    return counted ? [{ name, npy, ...told, ...!list && { dtype: "int64" } }] : [];
  }).map((array, place) => list ? { ...array, name: String(place) } : array);
}

for (const network of NETWORK_NAMES) {
  Deno.test(`${network}: read and written again it is the same, by name or as a list, with counters or without`, () => {
    for (const [channels, list, counted] of [[1, false, true], [1, true, false], [3, true, true]] as const) {
      const layout = layoutOf(network, { channels });
      const vector = vectorWith(layout.length, 1);
      const arrays = arraysOf(vector, layout, { list, counted });
      const model = readModel(arrays, { network });
      assertEquals([model.layout.channels, model.list], [channels, list]);
      assertEquals(model.vector, vector);
      assertEquals(new Set(model.counters.values()), new Set(counted ? [7n] : []));
      assertEquals(writeModel(model.vector, model, { steps: 0 }), arrays);
    }
  });
}

Deno.test("a start that a hospital sends of itself is the whole state_dict, counters at 0", () => {
  const layout = layoutOf("efficientnet_b0", { channels: 1 });
  const arrays = writeModel(vectorWith(layout.length, 1), startModel(layout), { steps: 0 });
  assertEquals([arrays.length, arrays[0].name, arrays.at(-1)!.name], [360, "0", "359"]);
  assertEquals(readModel(arrays, { network: "efficientnet_b0" }).counters.size, 49);
});

Deno.test("another network's arrays, one too many, one of another shape: named", () => {
  const layout = layoutOf("resnet18", { channels: 1 });
  const arrays = arraysOf(vectorWith(layout.length, 1), layout, { list: false, counted: false });
  const one = encodeNpy({ shape: [1], values: Float32Array.of(1) });
  const extra = { name: "extra", npy: one, dtype: "float32", shape: [1] };
  const cases: [NamedArray[], string][] = [
    [[...arrays, extra], "expected its state_dict, got an array extra"],
    [arrays.with(1, { ...arrays[1], npy: one }), "expected bn1.weight of shape [64], got [1]"],
    [arrays.toSpliced(5, 1), "expected an array layer1.0.conv1.weight, got none"],
    [[], "expected an array conv1.weight, got none"],
    [
      arrays.with(1, { ...arrays[1], npy: doubles([64], 1e300) }),
      "expected finite values in bn1.weight, got NaN, Inf or too large a one",
    ],
  ];
  for (const [given, words] of cases) {
    assertThrows(() => readModel(given, { network: "resnet18" }), RangeError, words);
  }
  assertThrows(() => readModel(arrays, { network: "densenet121" }), RangeError, "as densenet121: expected");
});
