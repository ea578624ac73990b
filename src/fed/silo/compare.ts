/**
 * What a silo does once the run is over and the hub may go: it scores the start model on its own `test`, beside the
 * selected one, so that the hospital sees what the run changed for it. The figures are stored here and sent to nobody.
 *
 * It needs nothing but this machine: a silo that is killed here goes on without the hub.
 */
import { fileDigest } from "../../files/digest.ts";
import { removeIfThere } from "../../files/exists.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import type { OnEvent } from "../protocol/event.ts";
import { type Curve, ownCurve, type OwnDecisions } from "../training/own_figures.ts";
import type { SiloOwn, SiloResult } from "../training/result.ts";
import { startTest } from "../training/test_figures.ts";
import type { Trainer } from "../training/trainer.ts";
import type { SiloState } from "./state.ts";

/** Completes the result of a run that has ended. */
export async function compareWithStart(
  state: SiloState,
  trainer: Trainer,
  { onEvent, faultPoint }: { onEvent: OnEvent; faultPoint: FaultPoint },
): Promise<SiloResult> {
  const ended = state.ended!;
  const { decisions, curve } = state.answered<{ decisions: OwnDecisions; curve: Curve | null }>(
    "own",
    ended.sha256,
  )!;
  const { start, roc, ...reason } = await testStart(state, trainer, { curve, onEvent });
  await faultPoint("compared");
  const result = { ...ended, own: { ...decisions, start, ...reason, roc: { selected: curve, start: roc } } };
  state.result = result;
  await removeIfThere(state.startPath);
  return result;
}

/** The start's figures on `test`, or why there are none. */
async function testStart(
  state: SiloState,
  trainer: Trainer,
  { curve, onEvent }: { curve: Curve | null; onEvent: OnEvent },
): Promise<Pick<SiloOwn, "start" | "start_reason"> & { roc: Curve | null }> {
  const { sha256, test } = state.ended!;
  const { init, seed, histogram: bins } = state.plan!;
  if (sha256 === init.sha256) return { start: test, roc: curve };
  if (test.images === 0) return { start: null, start_reason: "this hospital has no test films", roc: null };
  const found = await fileDigest(state.startPath);
  if (found !== init.sha256) {
    const start_reason = found === null
      ? "this hospital came after round 1 and was never shown it"
      : "its copy here is damaged";
    return { start: null, start_reason, roc: null };
  }
  onEvent({ type: "comparing", images: test.images });
  const bytes = await Deno.readFile(state.startPath);
  await trainer.load(new Float32Array(bytes.buffer));
  const predictions = await trainer.predict("test");
  return { start: startTest(predictions, { seed, bins }), roc: ownCurve(predictions) };
}
