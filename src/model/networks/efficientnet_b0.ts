/** EfficientNet-B0 (Tan and Le 2019). */
import { type Activation, type Convolution, convolution, type Network, type Operation } from "./network.ts";

/** Its stages (table 1); only a stage's first block has its stride. */
export const STAGES = [
  { expand: 1, kernel: 3, stride: 1, input: 32, output: 16, blocks: 1 },
  { expand: 6, kernel: 3, stride: 2, input: 16, output: 24, blocks: 2 },
  { expand: 6, kernel: 5, stride: 2, input: 24, output: 40, blocks: 2 },
  { expand: 6, kernel: 3, stride: 2, input: 40, output: 80, blocks: 3 },
  { expand: 6, kernel: 5, stride: 1, input: 80, output: 112, blocks: 3 },
  { expand: 6, kernel: 5, stride: 2, input: 112, output: 192, blocks: 4 },
  { expand: 6, kernel: 3, stride: 1, input: 192, output: 320, blocks: 1 },
] as const;

/** A convolution `name`.0 with the BatchNorm `name`.1. */
function layer(
  name: string,
  options: Pick<Convolution, "out" | "kernel"> & Partial<Convolution>,
  activation: Activation = "silu",
): Convolution {
  return convolution(`${name}.0`, `${name}.1`, { ...options, activation });
}

/** One mobile inverted bottleneck: expand (unless 1), depthwise, squeeze-excite, project. */
function mbconv(name: string, stage: typeof STAGES[number], first: boolean): Operation {
  const { expand, kernel, output: out } = stage;
  const [input, stride] = first ? [stage.input, stage.stride] : [out, 1];
  const wide = input * expand;
  let part = 0;
  const next = () => `${name}.block.${part++}`;
  const branch: Operation[] = [
    ...expand > 1 ? [layer(next(), { out: wide, kernel: 1 })] : [],
    layer(next(), { out: wide, kernel, stride, depthwise: true }),
    { kind: "squeezeExcite", name: next(), squeezed: Math.max(1, input >> 2) },
    layer(next(), { out, kernel: 1 }, "none"),
  ];
  return stride === 1 && input === out
    ? { kind: "residual", branch, shortcut: [], activation: "none" }
    : { kind: "sequence", parts: branch };
}

export const EFFICIENTNET_B0: Network = {
  title: "EfficientNet-B0",
  operations: [
    layer("features.0", { out: 32, kernel: 3, stride: 2 }),
    ...STAGES.flatMap((stage, s) =>
      Array.from({ length: stage.blocks }, (_, j) => mbconv(`features.${s + 1}.${j}`, stage, j === 0))
    ),
    layer("features.8", { out: 1280, kernel: 1 }),
  ],
  classifier: "classifier.1",
  fan: "out",
  memory: { base: 600 << 20, perPixel: 2100 },
};
