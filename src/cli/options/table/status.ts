import type { Command } from "../option.ts";

export const status = {
  summary: "where a role stands, from its state: who is there, the round, the time left, the last words",
  example: "fedx status fedx-state/aggregator",
  positional: {
    STATE: {
      kind: "path",
      help: "the role's state folder, its --state",
      more:
        "It may run or not, and is neither locked nor changed. Exit code 0: it runs or has finished; 3: it has " +
        "ended before that; 1: there is no state.",
    },
  },
  options: {},
  json:
    "`role`, `state` running|finished|ended, `phase`, `round`, `rounds`, `seconds_left`, `waiting`, `finished`, `heard`, `last`, " +
    "`silos` [`name`, `joined`, `last` {`at`, `text`}]",
} as const satisfies Command;
