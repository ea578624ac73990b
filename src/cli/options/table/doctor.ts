import { type Command, optional } from "../option.ts";
import { aggregate } from "./aggregate.ts";
import { CONFIG } from "./role.ts";
import { train } from "./train.ts";

const { silos, listen } = aggregate.options;
const { silo, server, shard, site, device, threads } = train.options;

export const doctor = {
  summary: "look at everything that a run needs on this machine, and say what to do where something is wrong",
  example: "fedx doctor --silo b --server https://hub.example:8443 --tls tls-b --shard shard-b",
  options: {
    silo: {
      ...optional(silo),
      help: "with the checks of this silo, as fedx train would start it",
      more: undefined,
    },
    aggregator: {
      kind: "flag",
      help: "with the checks of the aggregator, as fedx aggregate would start it",
    },
    config: CONFIG,
    server: optional(server),
    tls: { kind: "path", value: "DIR", help: "the role's certificate folder" },
    shard: optional(shard),
    state: { kind: "path", value: "DIR", help: "folder of the role's state" },
    site,
    silos: { ...silos, help: "the aggregator's silos" },
    listen: { ...optional(listen), help: "the aggregator's address" },
    device: { ...optional(device), help: "where the silo is to compute" },
    threads,
  },
  json: "`role`, `checks` [`name`, `ok` true|false|null, `detail`, `remedy`]",
} as const satisfies Command;
