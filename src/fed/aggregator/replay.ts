/** What a run that is to be repeated was made of, read from its aggregator's state folder. */
import { digest } from "../../files/digest.ts";
import { withoutOf } from "./away.ts";
import { present } from "./part.ts";
import { AggregatorState } from "./state.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Proposal } from "../protocol/messages.ts";
import type { Recording } from "./recording.ts";

/** What a replay begins with. */
export interface Recorded {
  proposal: Proposal;
  /** The start vector. */
  start: Float32Array;
  recording: Recording;
}

/**
 * Reads the state folder of an aggregator that runs no more; nothing that the run needs changes in it.
 * @param options.into the state folder of the run that is to repeat it
 * @throws {ProtocolError} `no_recording`, `own_recording`, `state_locked`, `damaged_state`.
 */
export async function readRecording(dir: string, options: { into: string }): Promise<Recorded> {
  const [from, into] = await Promise.all(
    [dir, options.into].map((path) => Deno.realPath(path).catch(() => path)),
  );
  if (from === into) {
    throw new ProtocolError("own_recording", { expected: "another folder than --replay names", got: dir });
  }
  const refuse = (got: string): never => {
    throw new ProtocolError("no_recording", {
      expected: `an aggregator's state with closed rounds in ${dir}`,
      got,
    });
  };
  await Deno.stat(`${dir}/run.sqlite`).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    refuse("none");
  });
  using state = await AggregatorState.open(dir);
  const { proposal, plan } = state;
  const rows = state.rows.filter(({ row }) => row.round <= state.rounds)
    .map(({ row }) => ({ row, counted: present(state, row) }));
  if (proposal === null || plan === null || rows.length === 0) return refuse("no closed round");
  // Silos close a run of so many rounds after so many.
  if (proposal.budget === null && rows.length < proposal.rounds!) {
    return refuse(`${rows.length} of ${proposal.rounds} rounds; let that run end first`);
  }
  const bytes = await Deno.readFile(state.modelPath(0));
  const got = digest(bytes);
  if (got !== proposal.init.sha256) {
    throw new ProtocolError("damaged_state", {
      expected: `SHA-256 ${proposal.init.sha256} of the start in ${state.modelPath(0)}`,
      got,
      remedy: "the file was changed after fedx wrote it: bring it back from a copy of that folder",
    });
  }
  const start = new Float32Array(bytes.buffer);
  return { proposal, start, recording: { plan, rows, without: withoutOf(state) } };
}
