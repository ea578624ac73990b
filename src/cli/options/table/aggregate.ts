import { MOST_SILOS } from "../../../fed/protocol/claims.ts";
import { type Command, optional } from "../option.ts";
import { FLOWER_SITES } from "./flower.ts";
import { prepare } from "./prepare.ts";
import { CONFIG, NEW } from "./role.ts";
import { APART, LENGTH, TRAINING } from "./training.ts";

export const aggregate = {
  summary: "the aggregator of one run",
  example: "fedx aggregate --silos a,b,c --listen 0.0.0.0:8443 --tls tls-hub --budget 20m",
  section: "run",
  resumable: true,
  long: true,
  either: [["silos", "replay"], ["rounds", "budget", "replay"]],
  apart: [APART, ["masked", "unmasked"]],
  options: {
    config: CONFIG,
    silos: {
      kind: "list",
      value: "A,B,C",
      help: "the silos invited, in this order, by the names in their certificates",
      sample: ["a", "b", "c"],
      fill: true,
    },
    listen: {
      kind: "address",
      value: "HOST:PORT",
      help: "address to listen on",
      default: "127.0.0.1:8443",
      sample: "0.0.0.0:8443",
      fill: true,
    },
    tls: {
      kind: "path",
      value: "DIR",
      help: "the aggregator's certificate folder, made by fedx ca",
      more:
        "It comes from `fedx ca issue NAME --role aggregator`, or from `fedx ca request` and `fedx ca sign`.",
      required: true,
      sample: "tls-hub",
      fill: true,
    },
    state: {
      kind: "path",
      value: "DIR",
      help: "folder of the run's state",
      more: "The same command with the same folder goes on with a run that was stopped.",
      default: "fedx-state/aggregator",
    },
    new: NEW,
    replay: {
      kind: "path",
      value: "STATE",
      help: "run the rounds of that aggregator's state again, without a clock; its settings count",
      flagOnly: true,
    },
    ...LENGTH,
    budget: { ...LENGTH.budget, fill: true },
    size: {
      ...prepare.options.size,
      help: "side of the images in pixels, that of fedx prepare --size",
      more: undefined,
      fill: true,
    },
    jpeg2000: {
      ...prepare.options.jpeg2000,
      help: "how the films' JPEG 2000 is decoded, that of fedx prepare --jpeg2000",
      more: undefined,
    },
    ...TRAINING,
    seed: {
      ...optional(TRAINING.seed),
      help: "seed of everything random (default: a random one)",
      more:
        "The same command goes on with the run's own seed. A site masks no update of weights that it has masked " +
        "for other silos before, so two runs need two seeds.",
      sample: 1,
    },
    masked: {
      kind: "flag",
      help: "refuse a run whose updates cannot be masked (default: masked where it can be)",
      more:
        "Masked, the aggregator learns the sum of the hospitals' updates alone. That needs at least --min-cohort silos " +
        "and as large a quorum, none of them with Flower.",
      sample: true,
    },
    unmasked: {
      kind: "flag",
      help: "mask nothing: whoever runs the aggregator sees each hospital's update",
      sample: true,
    },
    "min-cohort": {
      kind: "integer",
      value: "N",
      help: "fewest silos in a masked run's sums",
      more: "Up to N - 2 silos that pool what they know with the aggregator learn no other's update.",
      range: [3, MOST_SILOS],
      default: 3,
    },
    "roster-changes": {
      kind: "integer",
      value: "N",
      help: "how often a masked run may sum other silos than the time before",
      more:
        "After that it waits for those who are missing. Sums over neighbouring rosters tell of single silos.",
      range: [0, 1_000_000],
      default: 1,
    },
    quorum: {
      kind: "integer",
      value: "N",
      help: "silos that are enough at a timeout, 1 to all (default: all)",
      range: [1, MOST_SILOS],
      sample: 2,
    },
    "round-timeout": {
      kind: "duration",
      value: "TIME",
      help: "longest wait for a round (default: 3 times the median round, at least 10m; the first 1h)",
      sample: "1h",
    },
    "join-timeout": {
      kind: "duration",
      value: "TIME",
      help: "longest wait for the silos to join, and to come back below the quorum",
      default: "1h",
    },
    without: {
      kind: "list",
      value: "B,C",
      help: "go on without these silos, for good, in a run that waits for them",
      more: "The open round closes once all others have counted; the result is degraded and names them. " +
        "A silo that was left out is refused if it comes back.",
      sample: ["b"],
    },
    "max-share": {
      kind: "number",
      value: "F",
      help:
        "most of all training images that one silo may have (default: 0.8 for three silos or more, else 1)",
      range: [0.001, 1],
      sample: 0.8,
    },
    ...FLOWER_SITES,
    "allow-same-shard": {
      kind: "flag",
      help: "let two silos join with one shard, for experiments",
      flagOnly: true,
    },
  },
  json:
    "`degraded`, `missing`, `masked` {`smallest`} or null, `label_rule`, `rounds`, `selection`, `test` {`stratified`, `ci95`, `pooled`, `site_only`, " +
    "`silos`}, `seconds`, `bytes`, `model`, `sha256` (of its weights), `file_sha256`, `last_sha256`, `init`, " +
    "`finished`, `joined`, `history`, `report`",
} as const satisfies Command;
