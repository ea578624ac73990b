/**
 * What a network is: a list of operations with torchvision's names. Its layout and its forward pass on TensorFlow.js follow
 * from the list; the engine has it once more, in a file of the same name in native/engine/.
 */

export type Activation = "none" | "relu" | "silu";

/** A square convolution without bias that pads (kernel − 1) / 2, and the BatchNorm behind it, if any. */
export interface Convolution {
  kind: "convolution";
  /** Its own name and its BatchNorm's. */
  name: string;
  norm: string | null;
  out: number;
  kernel: number;
  stride: number;
  /** One filter for each channel. */
  depthwise: boolean;
  activation: Activation;
}

/** One step of a network; `x` is what it is given. */
export type Operation =
  | Convolution
  /** BatchNorm and ReLU. */
  | { kind: "norm"; name: string }
  /** The largest of 3 × 3 values, by 2, padded by 1. What comes in is never negative. */
  | { kind: "maxPool" }
  /** The mean of 2 × 2 values. */
  | { kind: "meanPool" }
  /** x times σ(fc2(silu(fc1(means of the channels)))), with so many values between. */
  | { kind: "squeezeExcite"; name: string; squeezed: number }
  /** branch(x) + shortcut(x), then the activation; no shortcut is x itself. */
  | { kind: "residual"; branch: Operation[]; shortcut: Operation[]; activation: Activation }
  /** x, and behind its channels those of branch(x). */
  | { kind: "append"; branch: Operation[] }
  /** One after the other. */
  | { kind: "sequence"; parts: Operation[] };

/** A network up to its head: the mean of each channel and one linear layer with one output. */
export interface Network {
  /** As people write it. */
  title: string;
  operations: Operation[];
  /** The linear layer's name. */
  classifier: string;
  /** Random convolutions are N(0, 2 / fan), fan in or fan out, as torchvision has it for this network. */
  fan: "in" | "out";
  /**
   * Bytes of a process that trains it on a CPU: so many, with libtorch, optimizer and a silo's vectors, and so many for
   * each pixel of a batch.
   */
  memory: { base: number; perPixel: number };
  /** Names in torchvision's older files, and what stands for them today. */
  older?: { name: RegExp; today: string };
}

/** A convolution; what is not said is the commonest. */
export function convolution(
  name: string,
  norm: string | null,
  options: Pick<Convolution, "out" | "kernel"> & Partial<Convolution>,
): Convolution {
  return { kind: "convolution", name, norm, stride: 1, depthwise: false, activation: "none", ...options };
}
