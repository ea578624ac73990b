/** The models that a run hands over, as files that load anywhere. */
import { fileDigest } from "../../files/digest.ts";
import { freeMemory } from "../../files/free_memory.ts";
import { readAt } from "../../files/whole.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { planId } from "../protocol/messages.ts";
import { saveRunModel } from "../training/run_model.ts";
import type { Run } from "./run.ts";

/**
 * Writes the selected model, the last one and the start.
 * @returns the SHA-256 of the selected one's file
 * @throws {ProtocolError} `damaged_state`
 */
export async function keepModels(run: Run, selected: number): Promise<string> {
  const { model } = await keep(run, { model: selected, last: run.state.rounds, init: 0 });
  return model;
}

/** Writes the start alone. @throws {ProtocolError} `damaged_state` */
export async function keepStart(run: Run): Promise<void> {
  await keep(run, { init: 0 });
}

/**
 * Writes the models of these rounds as files that load anywhere; returns their files' SHA-256.
 * @throws {ProtocolError} `damaged_state` when one of them is not what was committed; nothing is written then.
 */
async function keep<N extends string>(run: Run, rounds: Record<N, number>): Promise<Record<N, string>> {
  const named = Object.entries<number>(rounds);
  for (const round of new Set(named.map(([, round]) => round))) await checkModel(run, round);
  const { proposal, layout, state: { plan, folder } } = run;
  const vector = new Float32Array(layout.length);
  const digests: Record<string, string> = {};
  for (const [name, round] of named) {
    await readVector(run.state.modelPath(round), vector);
    const model = { vector, layout, proposal, ...plan === null ? {} : { planId: planId(plan) }, round };
    digests[name] = await saveRunModel(`${folder.dir}/${name}.safetensors`, model);
  }
  freeMemory(vector); // before the silos pull the selected model
  return digests;
}

async function checkModel(run: Run, round: number): Promise<void> {
  const expected = run.state.models.get(round)!;
  const got = await fileDigest(run.state.modelPath(round));
  if (got === expected) return;
  throw new ProtocolError("damaged_state", {
    expected: `SHA-256 ${expected} of the model of round ${round}`,
    got: got ?? "no file",
  });
}

async function readVector(path: string, into: Float32Array): Promise<void> {
  using file = await Deno.open(path);
  await readAt(file, 0, new Uint8Array(into.buffer));
}
