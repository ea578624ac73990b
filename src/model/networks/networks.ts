/** The networks that fedx trains, by torchvision's names. A new one is a file here and one in native/engine/, and a line in each. */
import { DENSENET121 } from "./densenet121.ts";
import { EFFICIENTNET_B0 } from "./efficientnet_b0.ts";
import type { Network } from "./network.ts";
import { RESNET18 } from "./resnet18.ts";

export const NETWORKS = {
  efficientnet_b0: EFFICIENTNET_B0,
  resnet18: RESNET18,
  densenet121: DENSENET121,
} as const satisfies Record<string, Network>;

export type NetworkName = keyof typeof NETWORKS;
export const NETWORK_NAMES = Object.keys(NETWORKS) as NetworkName[];

/** Whether a text names a network. */
export function isNetwork(name: unknown): name is NetworkName {
  return typeof name === "string" && Object.hasOwn(NETWORKS, name);
}
