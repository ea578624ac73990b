/** ResNet-18 (He et al. 2016). */
import { convolution, type Network, type Operation } from "./network.ts";

/** Two convolutions of 3 × 3 beside a shortcut, which has a convolution of its own where the width changes. */
function basicBlock(name: string, { input, out }: { input: number; out: number }): Operation {
  const stride = input === out ? 1 : 2;
  return {
    kind: "residual",
    branch: [
      convolution(`${name}.conv1`, `${name}.bn1`, { out, kernel: 3, stride, activation: "relu" }),
      convolution(`${name}.conv2`, `${name}.bn2`, { out, kernel: 3 }),
    ],
    shortcut: input === out
      ? []
      : [convolution(`${name}.downsample.0`, `${name}.downsample.1`, { out, kernel: 1, stride })],
    activation: "relu",
  };
}

const WIDTHS = [64, 128, 256, 512];

export const RESNET18: Network = {
  title: "ResNet-18",
  operations: [
    convolution("conv1", "bn1", { out: 64, kernel: 7, stride: 2, activation: "relu" }),
    { kind: "maxPool" },
    ...WIDTHS.flatMap((out, stage) => [
      basicBlock(`layer${stage + 1}.0`, { input: WIDTHS[stage - 1] ?? out, out }),
      basicBlock(`layer${stage + 1}.1`, { input: out, out }),
    ]),
  ],
  classifier: "fc",
  fan: "out",
  memory: { base: 860 << 20, perPixel: 780 },
};
