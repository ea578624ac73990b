/**
 * A model of a run as a file: the hub's, each hospital's and one trained without federation say the same of themselves,
 * in the same order, so that the same model is the same file everywhere.
 */
import type { Layout } from "../../model/layout.ts";
import { type ModelMetadata, saveModel } from "../../model/weights/model_file.ts";
import type { Proposal } from "../protocol/messages.ts";

/** Which model it is. */
export interface RunModel {
  /** (layout.length) f32 */
  vector: Float32Array;
  layout: Layout;
  proposal: Proposal;
  /** Absent before there is a plan, and without a federation. */
  planId?: string;
  /** The round that it came out of; 0 is the start. */
  round: number;
  /** What a hospital adds to its own copy: it never leaves it, and its file then has a digest of its own. */
  own?: Pick<ModelMetadata, "threshold">;
}

/**
 * Writes the model durably. @param options.mode as of `writeDurably`
 * @returns the SHA-256 of the file, as `sha256sum` prints it
 */
export async function saveRunModel(
  path: string,
  model: RunModel,
  options: { mode?: number } = {},
): Promise<string> {
  const { vector, layout, proposal, planId, round, own } = model;
  const { network, channels, size, preprocessing, labelRule, init: { source } } = proposal;
  const settings = { network, channels, size, preprocessing, labelRule, source, proposal };
  return await saveModel(path, vector, layout, { ...settings, planId, round, ...own }, options);
}
