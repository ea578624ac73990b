/** The failures of masked runs, as the table of `failures.ts` has them. */
import { type Failure, fatal } from "./failure.ts";

const ASK =
  "ask the aggregator's operator what was changed; nothing masked has left this silo for it, and the same " +
  "command goes on once the aggregator keeps to what was agreed";

export const MASK_FAILURES = {
  statement_refused: fatal(409, "Cannot mask together with this silo", ASK),
  roster_refused: fatal(0, "Cannot mask an update for this roster", ASK),
  second_roster: fatal(
    0,
    "Cannot mask a second update for one round",
    "end the run here: the model selected so far is kept; go on from it with the same silos in another run, with --new " +
      "and --init at the aggregator",
  ),
  lost_keys: fatal(
    409,
    "Cannot go on with other keys in this run: masks were made with those of before",
    "bring back this silo's --state and certificate; where they are lost, begin another run from the model that the " +
      "aggregator keeps: --new --init",
  ),
  no_statement: fatal(409, "Cannot join a masked run", "run the same fedx version on both sides"),
  other_roster: fatal(
    409,
    "Cannot take an update that is masked for others",
    "start the silo again: it looks at the round's roster anew",
  ),
  roster_closed: fatal(
    409,
    "Cannot take part in this round: its roster is settled without this silo",
    "the silo goes on with the next round by itself",
  ),
  no_roster: fatal(409, "Cannot find the round's roster", "the silo looks at the run again by itself"),
  peers_not_pinned: fatal(
    0,
    "Cannot take part in this masked run",
    "have each of them read out its key (fedx peers there), then: fedx peers --pin NAME=KEY",
  ),
  masked_before: fatal(
    0,
    "Cannot mask another update of these weights",
    "ask the aggregator's operator for a start with another digest, that is another --seed or --init, or for the " +
      "silos of then",
  ),
} as const satisfies Record<string, Failure>;
