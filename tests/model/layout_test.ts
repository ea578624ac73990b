import { assertEquals, assertThrows } from "@std/assert";
import { fingerprint, layoutOf } from "../../src/model/layout.ts";
import { NETWORK_NAMES } from "../../src/model/networks/networks.ts";
import golden from "../golden/torch_files.json" with { type: "json" };

for (const network of NETWORK_NAMES) {
  for (const channels of [1, 3] as const) {
    Deno.test(`layoutOf equals torchvision's state_dict of ${network}, ${channels} channel(s)`, () => {
      const layout = layoutOf(network, { channels });
      assertEquals({
        weight_tensors: layout.tensors.filter((t) => t.kind === "weight").length,
        tensors: layout.tensors.length,
        length: layout.length,
        weights: layout.weights,
        fingerprint: fingerprint(layout),
      }, golden.layout[network][channels]);
    });
  }

  Deno.test(`layoutOf tiles the vector of ${network} without gaps, weights first`, () => {
    const layout = layoutOf(network, { channels: 1 });
    let at = 0;
    for (const tensor of layout.tensors) {
      assertEquals(tensor.offset, at, tensor.name);
      assertEquals(tensor.kind, at < layout.weights ? "weight" : "statistic", tensor.name);
      at += tensor.length;
    }
    assertEquals(at, layout.length);
  });
}

Deno.test("layoutOf puts the head and the first convolution alone in groups of their own", () => {
  const named = NETWORK_NAMES.map((network) => {
    const { tensors } = layoutOf(network, { channels: 1 });
    return ["stem", "classifier"].map((group) => tensors.filter((t) => t.group === group).map((t) => t.name));
  });
  assertEquals(named, [
    [["features.0.0.weight"], ["classifier.1.weight", "classifier.1.bias"]],
    [["conv1.weight"], ["fc.weight", "fc.bias"]],
    [["features.conv0.weight"], ["classifier.weight", "classifier.bias"]],
  ]);
});

Deno.test("layoutOf refuses a network that it does not know, naming those that it does", () => {
  const known = "expected efficientnet_b0, resnet18, densenet121, got vgg16";
  assertThrows(() => layoutOf("vgg16" as "resnet18", { channels: 1 }), RangeError, known);
});

Deno.test("layoutOf refuses other channel counts", () => {
  assertThrows(() => layoutOf("efficientnet_b0", { channels: 2 as 1 }), RangeError, "1 or 3 channels, got 2");
});
