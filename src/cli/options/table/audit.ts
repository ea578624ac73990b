import type { Command } from "../option.ts";

export const auditVerify = {
  summary: "whether the logs of a run's roles are as they were written, and agree",
  example: "fedx audit verify fedx-state/aggregator state-b state-c --ca ca.pem",
  positional: {
    STATE: {
      kind: "paths",
      help: "a role's state folder, its --state, or its events.jsonl alone",
      more:
        "Of one folder only changes by those without the role's key are seen, and no end that was cut off; with the other roles' logs " +
        "beside it, all up to the last line that one of them holds a head of. Verify a run that is over: logs that grow meanwhile seem to disagree. Nothing is changed.",
    },
  },
  options: {
    ca: {
      kind: "path",
      value: "CA.pem",
      help: "the federation's ca.pem, by which the certificates of all signatures are judged",
      more: "Without it whoever wrote a log may have made up the certificate in it.",
    },
  },
  json:
    "`ok`, `identities_proven`, `faults` [`path`, `line`, `expected`, `got`, `proven`], `logs` [`path`, `role`, " +
    "`run`, `lines`, `torn`, `lost`, `signed`, `held`, `holder`, `not_covered`], `absent`",
} as const satisfies Command;
