/** Whether a round still takes what silos send for it. */
import { ProtocolError } from "../protocol/errors.ts";
import type { RoundSettings } from "../protocol/messages.ts";
import type { Run } from "./run.ts";

/** The row of `round` where it is open. @throws {ProtocolError} `round_closed`, `no_round`. */
export function checkOpen({ phase, folding, state: { rounds, current } }: Run, round: number): RoundSettings {
  const row = current?.row;
  const closed = round <= Math.max(rounds, folding) || phase !== "round";
  if (row !== undefined && !closed && round === row.round) return row;
  throw new ProtocolError(closed ? "round_closed" : "no_round", {
    expected: row === undefined ? "no update now" : `round ${row.round}`,
    got: `round ${round}`,
  });
}
