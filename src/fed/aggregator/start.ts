/** What the run of an aggregator's state began with, read without taking the folder. */
import { lookInto } from "../state/look.ts";
import type { Proposal } from "../protocol/messages.ts";

/** How the start is named, and its vector. */
export interface Start {
  init: Proposal["init"];
  vector: Float32Array<ArrayBuffer>;
}

/** What was proposed in the run of the state folder `dir`, by whichever fedx; null where there is no run. */
export async function proposalIn(dir: string): Promise<Proposal | null> {
  return (await lookInto(dir, ["proposal"]))?.values.proposal as Proposal | null | undefined ?? null;
}

/** The start of the run in the state folder `dir`; null where there is no run. */
export async function startOf(dir: string): Promise<Start | null> {
  const proposal = await proposalIn(dir);
  if (proposal === null) return null;
  const bytes = await Deno.readFile(`${dir}/models/0.f32`);
  return { init: proposal.init, vector: new Float32Array(bytes.buffer) };
}
