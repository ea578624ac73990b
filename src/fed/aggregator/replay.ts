/**
 * A run again, by its own rows and without a clock: with a budget the rows depend on how fast the silos were, so only
 * their repetition shows that a model is what its plan, data and builds make it.
 */
import { exists } from "../../files/exists.ts";
import { AggregatorState } from "./state.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Plan, Proposal, RoundSettings } from "../protocol/messages.ts";

/** The closed rows of a run, oldest first, each with the silos whose updates counted. */
export interface Recording {
  plan: Plan;
  rows: { row: RoundSettings; counted: string[] }[];
}

/** What a replay begins with. */
export interface Recorded {
  proposal: Proposal;
  /** The start vector. */
  start: Float32Array;
  recording: Recording;
}

/**
 * Reads the state folder of an aggregator that runs no more; nothing in it changes.
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
  if (!await exists(`${dir}/run.sqlite`)) refuse("none");
  using state = await AggregatorState.open(dir);
  const { proposal, plan } = state;
  const models = state.models(), counted = state.countedSilos();
  const rows = state.rows().filter(({ row }) => models.has(row.round))
    .map(({ row }) => ({
      row,
      counted: row.roster.filter((silo) => counted.get(row.round)?.includes(silo)),
    }));
  if (proposal === null || plan === null || rows.length === 0) return refuse("no closed round");
  // Silos close a run of so many rounds after so many.
  if (proposal.budget === null && rows.length < proposal.rounds!) {
    return refuse(`${rows.length} of ${proposal.rounds} rounds; let that run end first`);
  }
  const bytes = await Deno.readFile(state.modelPath(0));
  const start = new Float32Array(bytes.buffer);
  return { proposal, start, recording: { plan, rows } };
}

/**
 * The recorded row of `round` for this run, or null after the last. Only silos whose updates counted take part.
 * @param options.base digest of the model that this run has reached
 */
export function recordedRow(
  { rows }: Recording,
  options: { run: string; round: number; base: string },
): { row: RoundSettings; same: boolean } | null {
  const found = rows.find(({ row }) => row.round === options.round);
  if (found === undefined) return null;
  const { row, counted } = found;
  const silos = Object.fromEntries(counted.map((silo) => [silo, row.silos[silo]]));
  const { run, base } = options;
  return { row: { ...row, run, base, roster: counted, silos }, same: row.base === base };
}
