import type { Command } from "../option.ts";
import { TRAINER } from "./engine.ts";
import { SITE } from "./files.ts";
import { FLOWER } from "./flower.ts";
import { CONFIG, NEW } from "./role.ts";
import { APART } from "./training.ts";

export const train = {
  summary: "one hospital of a run",
  example: "fedx train --silo b --server https://hub.example:8443 --tls tls-b --shard shard-b",
  section: "silo",
  resumable: true,
  long: true,
  either: [["server", "flower"]],
  apart: [APART],
  needs: { server: ["tls"], flower: ["app"] },
  options: {
    config: CONFIG,
    silo: {
      kind: "name",
      value: "NAME",
      help: "this silo's name",
      more: "It is the name in its certificate, and that of its section in fedx.toml. A file with one silo " +
        "needs no --silo.",
      required: true,
      flagOnly: true,
    },
    server: {
      kind: "url",
      value: "URL",
      help: "https address of the aggregator",
      sample: "https://127.0.0.1:8443",
      fill: true,
    },
    tls: {
      kind: "path",
      value: "DIR",
      help: "this silo's certificate folder, made by fedx ca",
      more: "It comes from `fedx ca issue NAME --role silo`, or from `fedx ca request` and `fedx ca sign`.",
      sample: "tls-NAME",
      fill: true,
    },
    shard: {
      kind: "path",
      value: "SHARD",
      help: "folder written by fedx prepare",
      required: true,
      sample: "shard-NAME",
      fill: true,
    },
    state: {
      kind: "path",
      value: "DIR",
      help: "folder of this silo's state (default: fedx-state/NAME)",
      more: "The same command with the same folder goes on with a run that was stopped.",
      sample: "fedx-state/NAME",
    },
    site: { ...SITE, sample: "fedx-site" },
    new: NEW,
    ...TRAINER,
    wait: {
      kind: "duration",
      value: "TIME",
      help: "how long to retry an aggregator out of reach",
      more: "Only a minute where no name server knows its host.",
      default: "1h",
    },
    ...FLOWER,
  },
  json:
    "`degraded`, `missing` (both as the hub says), `masked` {`smallest`, `trust` pins|ca} or null, `rounds`, `examples`, `seconds`, `test`, " +
    "`own` {`threshold`, `sensitivity`, `specificity`, `start`} (sent to nobody), `history`, `splits`, `model`, " +
    "`sha256` (of its weights), `file_sha256`, `finished`, `report`",
} as const satisfies Command;
