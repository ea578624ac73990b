/**
 * EfficientNet-Lite0's ImageNet weights mapped onto EfficientNet-B0, in torchvision's names.
 *
 * Why it works: Lite0 is B0 without squeeze-excite and with ReLU6 for SiLU, so 294 tensors fit as they are.
 * Squeeze-excite starts as the exact identity with live gradients (gate σ(2), divided out of the projection behind
 * it). Lite0's BatchNorm has eps 1e-3; adding the difference to each running variance keeps B0's 1e-5, so that exports
 * stay plain torchvision.
 */
import { normalTensor } from "./random.ts";
import type { Layout } from "../layout.ts";
import { STAGES } from "../networks/efficientnet_b0.ts";
import type { NamedTensor } from "./torchvision.ts";

const GATE_BIAS = 2;
const GATE = 1 / (1 + Math.exp(-GATE_BIAS));
const EPS_DIFFERENCE = 1e-3 - 1e-5;

/**
 * Translates the package's names and fills in squeeze-excite; the classifier is left out (`fromTorchvision` draws it).
 *
 * @param layout EfficientNet-B0's, of any channel count
 * @throws {RangeError} naming the first tensor that is missing.
 */
export function liteToB0(
  lite: Map<string, NamedTensor>,
  layout: Layout,
  options: { seed: number },
): Map<string, NamedTensor> {
  const names = liteNames();
  const state = new Map<string, NamedTensor>();
  layout.tensors.forEach(({ name, shape, group }, index) => {
    if (group === "classifier") return;
    if (/\.fc[12]\./.test(name)) {
      state.set(name, { shape, data: squeezeExcite(layout, index, options) });
      return;
    }
    const source = sourceOf(name, names);
    const found = lite.get(source);
    if (found === undefined) {
      throw new RangeError(`Cannot map EfficientNet-Lite0: expected ${source}, got none; use another file`);
    }
    state.set(name, { shape: found.shape, data: adjust(name, source, found.data) });
  });
  return state;
}

/** torchvision's module prefix → Lite0's, for every convolution and BatchNorm. */
function liteNames(): Map<string, string> {
  const names = new Map([
    ["features.0.0", "_conv_stem"],
    ["features.0.1", "_bn0"],
    ["features.8.0", "_conv_head"],
    ["features.8.1", "_bn1"],
  ]);
  let block = 0;
  STAGES.forEach(({ blocks }, stage) => {
    for (let j = 0; j < blocks; j++, block++) {
      const expands = stage === 0 ? [] : [["_expand_conv", "_bn0"]];
      const layers = [...expands, ["_depthwise_conv", "_bn1"], [], ["_project_conv", "_bn2"]];
      layers.forEach((pair, layer) =>
        pair.forEach((part, k) => {
          names.set(`features.${stage + 1}.${j}.block.${layer}.${k}`, `_blocks.${block}.${part}`);
        })
      );
    }
  });
  return names;
}

function sourceOf(name: string, names: Map<string, string>): string {
  const dot = name.lastIndexOf(".");
  return `${names.get(name.slice(0, dot))}${name.slice(dot)}`;
}

/** Divides the gate out of projections and moves BatchNorm's eps into the variance. */
function adjust(name: string, source: string, data: ArrayLike<number>): ArrayLike<number> {
  if (source.endsWith("._project_conv.weight")) return Float64Array.from(data, (w) => w / GATE);
  if (name.endsWith(".running_var")) return Float64Array.from(data, (v) => v + EPS_DIFFERENCE);
  return data;
}

/** fc1 as torchvision draws it (fan_out = its outputs), fc2 so that the gate is σ(2) whatever comes in. */
function squeezeExcite(
  layout: Layout,
  index: number,
  { seed }: { seed: number },
): ArrayLike<number> {
  const { name, shape, length } = layout.tensors[index];
  if (name.endsWith(".fc2.bias")) return new Float32Array(length).fill(GATE_BIAS);
  if (!name.endsWith(".fc1.weight")) return new Float32Array(length);
  return normalTensor(layout, index, { seed, deviation: Math.sqrt(2 / shape[0]) });
}
