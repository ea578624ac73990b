import { assertEquals, assertThrows } from "@std/assert";
import { encodeNpy } from "../../../src/fed/flower/codec/npy.ts";
import type { NamedArray } from "../../../src/fed/flower/codec/records.ts";
import { readModel, writeModel } from "../../../src/fed/flower/weights.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { NETWORK_NAMES } from "../../../src/model/networks/networks.ts";
import { stateDict } from "../../../src/model/weights/model_file.ts";
import { vectorWith } from "../../testing/measured_roles.ts";

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
      return [{ name, npy: encodeNpy({ kind: "f4", shape, values: data }), ...told }];
    }
    const npy = encodeNpy({ kind: "i8", shape, values: Float32Array.of(7) });
    return counted ? [{ name, npy, ...told, ...!list && { dtype: "int64" } }] : [];
  }).map((array, place) => list ? { ...array, name: String(place) } : array);
}

for (const network of NETWORK_NAMES) {
  Deno.test(`${network}: read and written again it is the same, by name or as a list, with counters or without`, () => {
    for (const channels of [1, 3] as const) {
      const layout = layoutOf(network, { channels });
      const vector = vectorWith(layout.length, 1);
      for (const list of [false, true]) {
        for (const counted of [false, true]) {
          const arrays = arraysOf(vector, layout, { list, counted });
          const model = readModel(arrays, { network });
          assertEquals([model.layout.channels, model.list], [channels, list]);
          assertEquals(model.vector, vector);
          assertEquals(new Set(model.counters.values()), new Set(counted ? [7] : []));
          assertEquals(writeModel(model.vector, model, { steps: 0 }), arrays);
        }
      }
    }
  });
}

Deno.test("another network's arrays, one too many, one of another shape: named", () => {
  const layout = layoutOf("resnet18", { channels: 1 });
  const arrays = arraysOf(vectorWith(layout.length, 1), layout, { list: false, counted: false });
  const one = encodeNpy({ kind: "f4", shape: [1], values: Float32Array.of(1) });
  const extra = { name: "extra", npy: one, dtype: "float32", shape: [1] };
  const cases: [NamedArray[], string][] = [
    [[...arrays, extra], "expected its state_dict, got an array extra"],
    [arrays.with(1, { ...arrays[1], npy: one }), "expected bn1.weight of shape [64], got [1]"],
    [arrays.toSpliced(5, 1), "expected an array layer1.0.conv1.weight, got none"],
    [[], "expected an array conv1.weight, got none"],
  ];
  for (const [given, words] of cases) {
    assertThrows(() => readModel(given, { network: "resnet18" }), RangeError, words);
  }
  assertThrows(() => readModel(arrays, { network: "densenet121" }), RangeError, "as densenet121: expected");
});
