import { ascii } from "../../fed/protocol/ascii.ts";
import { type Proposal, WIRE_VERSION } from "../../fed/protocol/messages.ts";
import { preprocessingOf } from "../../model/weights/model_file.ts";
import type { NetworkName } from "../../model/layout.ts";
import type { InitialWeights } from "../../model/weights/initial.ts";
import { recipeOf, type RecipeOptions } from "./recipe.ts";

/** What `aggregate` and `local` say about a run. */
export interface ProposalOptions extends RecipeOptions {
  network: string;
  size: number;
  seed: number;
  silos: string[];
  rounds?: number;
  /** Seconds. */
  budget?: number;
  quorum?: number;
  "round-timeout"?: number;
  "join-timeout"?: number;
}

/** Every setting of a run: what the silos get. */
export function proposalOf(options: ProposalOptions, start: Omit<InitialWeights, "vector">): Proposal {
  const { channels } = start.layout;
  const recipe = recipeOf(options);
  return {
    version: 2,
    wire: WIRE_VERSION,
    network: options.network as NetworkName,
    size: options.size,
    channels,
    preprocessing: preprocessingOf(channels),
    labelRule: "any-finding",
    recipe,
    seed: options.seed,
    rounds: options.rounds ?? null,
    budget: options.budget ?? null,
    localEpochs: recipe.localEpochs,
    silos: options.silos,
    quorum: options.quorum ?? options.silos.length,
    roundTimeout: options["round-timeout"] ?? null,
    joinTimeout: options["join-timeout"] ?? 3600,
    init: { kind: start.kind, source: ascii(start.source), sha256: start.sha256 },
    histogram: { bins: 62, low: -8, high: 8 },
  };
}
