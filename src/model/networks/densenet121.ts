/** DenseNet-121 (Huang et al. 2017). */
import { convolution, type Network, type Operation } from "./network.ts";

/** Channels that each layer appends. */
const GROWTH = 32;
/** Layers of the four dense blocks. */
const LAYERS = [6, 12, 24, 16];

/** BatchNorm, 1 × 1, 3 × 3: appended to what came in. */
function denseLayer(name: string): Operation {
  return {
    kind: "append",
    branch: [
      { kind: "norm", name: `${name}.norm1` },
      convolution(`${name}.conv1`, `${name}.norm2`, { out: 4 * GROWTH, kernel: 1, activation: "relu" }),
      convolution(`${name}.conv2`, null, { out: GROWTH, kernel: 3 }),
    ],
  };
}

/** Halves width and channels. */
function transition(name: string, channels: number): Operation[] {
  return [
    { kind: "norm", name: `${name}.norm` },
    convolution(`${name}.conv`, null, { out: channels / 2, kernel: 1 }),
    { kind: "meanPool" },
  ];
}

function operations(): Operation[] {
  const all: Operation[] = [
    convolution("features.conv0", "features.norm0", {
      ...{ out: 2 * GROWTH, kernel: 7, stride: 2, activation: "relu" },
    }),
    { kind: "maxPool" },
  ];
  let channels = 2 * GROWTH;
  LAYERS.forEach((layers, block) => {
    for (let layer = 1; layer <= layers; layer++) {
      all.push(denseLayer(`features.denseblock${block + 1}.denselayer${layer}`));
    }
    channels += layers * GROWTH;
    if (block === LAYERS.length - 1) return;
    all.push(...transition(`features.transition${block + 1}`, channels));
    channels /= 2;
  });
  return [...all, { kind: "norm", name: "features.norm5" }];
}

export const DENSENET121: Network = {
  title: "DenseNet-121",
  operations: operations(),
  classifier: "classifier",
  fan: "in",
  memory: { base: 740 << 20, perPixel: 3150 },
  older: { name: /^(.*\.denselayer\d+\.(?:norm|conv))\.([12]\.\w+)$/, today: "$1$2" },
};
