import { assertEquals, assertThrows } from "@std/assert";
import { fingerprint, layoutOf } from "../../src/model/layout.ts";
import golden from "../golden/torch_files.json" with { type: "json" };

for (const channels of [1, 3] as const) {
  Deno.test(`layoutOf equals torchvision's state_dict, ${channels} channel(s)`, () => {
    const layout = layoutOf("efficientnet_b0", { channels });
    assertEquals({
      weight_tensors: layout.tensors.filter((t) => t.kind === "weight").length,
      tensors: layout.tensors.length,
      length: layout.length,
      weights: layout.weights,
      fingerprint: fingerprint(layout),
    }, golden.layout[channels]);
  });
}

Deno.test("layoutOf tiles the vector without gaps, weights first", () => {
  const layout = layoutOf("efficientnet_b0", { channels: 1 });
  let at = 0;
  for (const tensor of layout.tensors) {
    assertEquals(tensor.offset, at, tensor.name);
    assertEquals(tensor.kind, at < layout.weights ? "weight" : "statistic", tensor.name);
    at += tensor.length;
  }
  assertEquals(at, layout.length);
});

Deno.test("layoutOf puts the head and the first convolution alone in groups of their own", () => {
  const { tensors } = layoutOf("efficientnet_b0", { channels: 1 });
  const named = (group: string) => tensors.filter((t) => t.group === group).map((t) => t.name);
  assertEquals(named("classifier"), ["classifier.1.weight", "classifier.1.bias"]);
  assertEquals(named("stem"), ["features.0.0.weight"]);
});

Deno.test("layoutOf refuses other channel counts", () => {
  assertThrows(() => layoutOf("efficientnet_b0", { channels: 2 as 1 }), RangeError, "1 or 3 channels, got 2");
});
