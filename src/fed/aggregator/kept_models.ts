/** The models that a run hands over, as files that load anywhere. */
import { saveModel } from "../../model/weights/model_file.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { fileDigest } from "../../files/digest.ts";
import { readAt } from "../../files/whole.ts";
import { planId } from "../protocol/messages.ts";
import type { Run } from "./run.ts";

/** Writes the best model, the last one and the start. @throws {ProtocolError} `damaged_state` */
export async function keepModels(run: Run, best: number): Promise<void> {
  await keep(run, { model: best, last: run.state.rounds, init: 0 });
}

/** Writes the start alone. @throws {ProtocolError} `damaged_state` */
export async function keepStart(run: Run): Promise<void> {
  await keep(run, { init: 0 });
}

/**
 * Writes the models of these rounds as files that load anywhere.
 * @throws {ProtocolError} `damaged_state` when one of them is not what was committed; nothing is written then.
 */
async function keep(run: Run, rounds: Record<string, number>): Promise<void> {
  for (const round of new Set(Object.values(rounds))) await checkModel(run, round);
  const { plan } = run.state;
  const vector = new Float32Array(run.layout.length);
  for (const [name, round] of Object.entries(rounds)) {
    const { network, channels, size, preprocessing, init } = run.proposal;
    await readVector(run.state.modelPath(round), vector);
    await saveModel(`${run.state.folder.dir}/${name}.safetensors`, vector, run.layout, {
      network,
      channels,
      size,
      preprocessing,
      proposal: run.proposal,
      ...plan === null ? {} : { planId: planId(plan) },
      round,
      source: init.source,
    });
  }
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
