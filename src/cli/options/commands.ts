// Why: this table is the command line. Parsing, --help, the keys of fedx.toml and README's table all come from it,
// so none of them can say something else than the others.

import {
  CA,
  type Command,
  ENGINE,
  FORCE,
  HOST,
  MODEL,
  NEW,
  type Option,
  ROLE,
  SCORING,
  TRAINING,
} from "./option.ts";

/** Every command, in the order in which help and README list them. */
export const COMMANDS = {
  demo: {
    summary: "three hospitals on sample radiographs: CA, aggregator, silos, baselines, report",
    usage: "fedx demo [--out DIR] [--minutes N]",
    example: "fedx demo --out fedx-demo --minutes 5",
    options: {
      out: {
        kind: "path",
        value: "DIR",
        help: "folder of the demo, reused by the next one",
        default: "fedx-demo",
      },
      minutes: {
        kind: "number",
        value: "N",
        help: "about how long the whole demo may take",
        default: 5,
        range: [1, 1440],
      },
      seed: TRAINING.seed,
    },
    json: "`test`, `silos`, `local`, `rounds`, `seconds` per phase, `report`",
  },
  init: {
    summary:
      "write a commented fedx.toml for the aggregator, or for one silo; a file gets the section it lacks",
    usage: "fedx init [--silo NAME]",
    example: "fedx init --silo b",
    options: {
      silo: { kind: "text", value: "NAME", help: "write the silo's file, not the aggregator's" },
      out: { kind: "path", value: "FILE", help: "file to write", default: "fedx.toml" },
      force: { kind: "flag", help: "overwrite the file" },
    },
    json: "`file`",
  },
  prepare: {
    summary: "images and their labels → shard",
    usage: "fedx prepare --images DIR [--labels CSV] --size 128 --out SHARD [--max-quarantine .05]",
    example: "fedx prepare --images films --labels labels.csv --size 128 --out shard-b",
    options: {
      images: { kind: "path", value: "DIR", help: "folder of PNG and JPEG files", required: true },
      labels: {
        kind: "path",
        value: "CSV",
        help: "Image Index, Finding Labels, Patient ID, … (default: that of an NIH download in --images)",
      },
      size: {
        kind: "integer",
        value: "N",
        help: "side of the stored images in pixels",
        default: 128,
        range: [32, 1024],
      },
      out: { kind: "path", value: "SHARD", help: "folder to write", required: true },
      "max-quarantine": {
        kind: "number",
        value: "F",
        help: "largest share of unusable rows",
        default: 0.05,
        range: [0, 1],
      },
      salt: { kind: "text", value: "TEXT", help: "salt of the split by patient", default: "fedx-1" },
      force: { kind: "flag", help: "replace an existing shard" },
    },
    json: "`images`, `patients`, `positives`, `splits`, `quarantined` by reason, `quarantine` (file)",
  },
  "ca init": {
    summary: "make the federation's certificate authority",
    usage: "fedx ca init --out CA",
    example: "fedx ca init --out ca",
    options: { out: { kind: "path", value: "CA", help: "new folder of the authority", required: true } },
    json: "paths, expiry",
  },
  "ca issue": {
    summary: "certificate for one silo or the aggregator: DIR gets ca.pem, cert.pem, key.pem",
    usage: "fedx ca issue NAME --role silo\\|aggregator [--host H …] --ca CA --out DIR",
    example: "fedx ca issue b --role silo --ca ca --out tls-b",
    positional: ["NAME"],
    options: {
      role: ROLE,
      host: HOST,
      ca: CA,
      out: { kind: "path", value: "DIR", help: "folder to write, key.pem with mode 0600", required: true },
    },
    json: "paths, expiry",
  },
  "ca request": {
    summary: "key (it stays in DIR, mode 0600) and request.pem, which goes to the holder of the authority",
    usage: "fedx ca request NAME --role silo\\|aggregator [--host H …] --out DIR",
    example: "fedx ca request b --role silo --out tls-b",
    positional: ["NAME"],
    options: {
      role: ROLE,
      host: HOST,
      out: {
        kind: "path",
        value: "DIR",
        help: "folder to write; a key that lies there is used again",
        required: true,
      },
    },
    json: "paths, `name`, `role`, `hosts`, `key`, `renewal`",
  },
  "ca sign": {
    summary: "certificate for a request: DIR gets cert.pem and ca.pem, FILE the certificate alone",
    usage: "fedx ca sign REQUEST --name NAME --role silo\\|aggregator --ca CA --out FILE\\|DIR",
    example: "fedx ca sign request.pem --name b --role silo --ca ca --out signed-b",
    positional: ["REQUEST"],
    options: {
      name: {
        kind: "text",
        value: "NAME",
        help: "whom you sign for; the request must ask for that name",
        required: true,
      },
      role: { ...ROLE, help: "silo or aggregator; the request must ask for that role" },
      ca: CA,
      out: { kind: "path", value: "FILE.pem|DIR", help: "what to send back to the site", required: true },
    },
    json: "paths, `name`, `role`, `hosts`, `key`, `fingerprint`, expiry, `ignored`, `other`",
  },
  "ca revoke": {
    summary: "refuse a silo's certificates from now on: writes the signed list revoked.json into DIR and CA",
    usage: "fedx ca revoke NAME --ca CA --tls DIR",
    example: "fedx ca revoke b --ca ca --tls tls-hub",
    positional: ["NAME"],
    options: {
      ca: CA,
      tls: {
        kind: "path",
        value: "DIR",
        help: "the aggregator's certificate folder, or one to carry there",
        required: true,
      },
    },
    json: "`list`, `number`, `revoked`, `known`",
  },
  aggregate: {
    summary: "the aggregator of one run",
    usage:
      "fedx aggregate [--silos a,b,c --listen HOST:PORT --tls DIR --state DIR --rounds N \\| --budget 20m " +
      "--quorum N --local-epochs N --network NAME --size 128 --recipe NAME --lr X --max-share .8 --init imagenet\\|random\\|FILE " +
      "--seed N \\| --replay STATE] [--new]",
    example: "fedx aggregate --silos a,b,c --listen 0.0.0.0:8443 --tls tls-hub --budget 20m",
    section: "run",
    either: [["silos", "replay"], ["rounds", "budget", "replay"]],
    options: {
      config: { kind: "path", value: "FILE", help: "settings (default: ./fedx.toml where there is one)" },
      silos: { kind: "list", value: "A,B,C", help: "the silos invited, in this order" },
      listen: { kind: "text", value: "HOST:PORT", help: "address to listen on", default: "127.0.0.1:8443" },
      tls: { kind: "path", value: "DIR", help: "the aggregator's certificate folder", required: true },
      state: {
        kind: "path",
        value: "DIR",
        help: "folder of the run's state",
        default: "fedx-state/aggregator",
      },
      new: NEW,
      replay: {
        kind: "path",
        value: "STATE",
        help: "run the rounds of that aggregator's state again, without a clock; its settings count",
      },
      rounds: { kind: "integer", value: "N", help: "number of rounds", range: [1, 100_000] },
      budget: { kind: "duration", value: "TIME", help: "wall clock of the whole run, e.g. 20m" },
      size: {
        kind: "integer",
        value: "N",
        help: "side of the images in pixels",
        default: 128,
        range: [32, 1024],
      },
      ...TRAINING,
      quorum: {
        kind: "integer",
        value: "N",
        help: "silos that are enough at a timeout, 1 to all (default: all)",
        range: [1, 10_000],
      },
      "round-timeout": {
        kind: "duration",
        value: "TIME",
        help: "longest wait for a round (default: 3 times the median round, at least 10m; the first 1h)",
      },
      "join-timeout": {
        kind: "duration",
        value: "TIME",
        help: "longest wait for the silos to join, and to come back below the quorum",
        default: "1h",
      },
      "max-share": {
        kind: "number",
        value: "F",
        help:
          "most of all training images that one silo may have (default: 0.8 for three silos or more, else 1)",
        range: [0.001, 1],
      },
      "allow-same-shard": { kind: "flag", help: "let two silos join with one shard, for experiments" },
    },
    json:
      "`degraded`, `missing`, `rounds`, `selection`, `test` {`stratified`, `ci95`, `pooled`, `site_only`, " +
      "`silos`}, `seconds`, `bytes`, `model`, `sha256`, `last_sha256`, `init`",
  },
  train: {
    summary: "one hospital of a run",
    usage:
      "fedx train --silo b [--server URL --tls DIR --shard SHARD --state DIR --device auto --threads N --wait T]",
    example: "fedx train --silo b --server https://hub.example:8443 --tls tls-b --shard shard-b",
    section: "silo",
    options: {
      config: { kind: "path", value: "FILE", help: "settings (default: ./fedx.toml where there is one)" },
      silo: { kind: "text", value: "NAME", help: "this silo's name", required: true },
      server: { kind: "text", value: "URL", help: "https address of the aggregator", required: true },
      tls: { kind: "path", value: "DIR", help: "this silo's certificate folder", required: true },
      shard: { kind: "path", value: "SHARD", help: "folder written by fedx prepare", required: true },
      state: {
        kind: "path",
        value: "DIR",
        help: "folder of this silo's state (default: fedx-state/NAME)",
      },
      new: NEW,
      ...ENGINE,
      wait: {
        kind: "duration",
        value: "TIME",
        help: "how long to retry an aggregator out of reach",
        default: "1h",
      },
    },
    json: "`rounds`, `examples`, `seconds`, `model`, `sha256`",
  },
  local: {
    summary: "the same engine without federation: one hospital alone, or all pooled",
    usage:
      "fedx local --shard SHARD [--shard …] --epochs N \\| --rounds N \\| --budget T --recipe NAME --out MODEL",
    example: "fedx local --shard shard-b --epochs 4 --out model-b.safetensors",
    either: [["epochs", "rounds", "budget"]],
    options: {
      shard: { kind: "paths", value: "SHARD", help: "shard to train on; may be repeated", required: true },
      epochs: {
        kind: "integer",
        value: "N",
        help: "passes over the training images, scored after each",
        range: [1, 100_000],
      },
      rounds: {
        kind: "integer",
        value: "N",
        help: "rounds, with fresh optimizer moments each",
        range: [1, 100_000],
      },
      budget: { kind: "duration", value: "TIME", help: "wall clock of the whole run, e.g. 20m" },
      out: { kind: "path", value: "MODEL", help: "file for the selected model", required: true },
      force: FORCE,
      ...TRAINING,
      ...ENGINE,
    },
    json: "`selection`, `test`, `epochs`, `seconds`",
  },
  evaluate: {
    summary: "exact scores of a model, per shard and pooled",
    usage: "fedx evaluate --model MODEL --shard SHARD [--shard …] [--split test] [--engine libtorch\\|tfjs]",
    example: "fedx evaluate --model model.safetensors --shard shard-a --shard shard-b --plot roc.svg",
    options: {
      model: MODEL,
      shard: { kind: "paths", value: "SHARD", help: "shard to score; may be repeated", required: true },
      split: {
        kind: "text",
        value: "NAME",
        help: "images to score",
        choices: ["train", "val", "test", "all"],
        default: "test",
      },
      plot: { kind: "path", value: "FILE.svg", help: "draw the ROC curves" },
      force: FORCE,
      ...SCORING,
    },
    json: "`auroc`, `ci95`, `images`, `positives`, `stratified`, `shards`",
  },
  predict: {
    summary: "a logit and a probability for each image",
    usage: "fedx predict --model MODEL --images DIR \\| --shard SHARD --out CSV [--engine libtorch\\|tfjs]",
    example: "fedx predict --model model.safetensors --images films --out scores.csv",
    either: [["images", "shard"]],
    options: {
      model: MODEL,
      images: { kind: "path", value: "DIR", help: "folder of PNG and JPEG files" },
      shard: { kind: "path", value: "SHARD", help: "every row of a shard, in shard order" },
      out: { kind: "path", value: "CSV", help: "Image Index,logit,probability", required: true },
      force: FORCE,
      ...SCORING,
    },
    json: "`images`, `failed`, `seconds`",
  },
  doctor: {
    summary:
      "look at everything that a run needs on this machine, and say what to do where something is wrong",
    usage: "fedx doctor [--silo NAME \\| --aggregator]",
    example: "fedx doctor --silo b --server https://hub.example:8443 --tls tls-b --shard shard-b",
    options: {
      silo: {
        kind: "text",
        value: "NAME",
        help: "with the checks of this silo, as fedx train would start it",
      },
      aggregator: {
        kind: "flag",
        help: "with the checks of the aggregator, as fedx aggregate would start it",
      },
      config: { kind: "path", value: "FILE", help: "settings (default: ./fedx.toml where there is one)" },
      server: { kind: "text", value: "URL", help: "https address of the aggregator" },
      tls: { kind: "path", value: "DIR", help: "the role's certificate folder" },
      shard: { kind: "path", value: "SHARD", help: "folder written by fedx prepare" },
      state: { kind: "path", value: "DIR", help: "folder of the role's state" },
      silos: { kind: "list", value: "A,B,C", help: "the aggregator's silos" },
      listen: { kind: "text", value: "HOST:PORT", help: "the aggregator's address" },
      device: {
        kind: "text",
        value: "NAME",
        help: "where the silo is to compute",
        choices: ENGINE.device.choices,
      },
      threads: ENGINE.threads,
    },
    json: "`role`, `checks` [`name`, `ok` true\\|false\\|null, `detail`, `remedy`]",
  },
  version: {
    summary: "what this fedx is made of: program, Deno, shims, the libtorch used last",
    usage: "fedx version",
    example: "fedx version --json",
    options: {},
    json: "`fedx`, `build`, `deno`, `wire`, `shims`, `libtorch`",
  },
} as const satisfies Record<string, Command>;

/** A command's name, e.g. `ca issue`. */
export type CommandName = keyof typeof COMMANDS;

type Read<O extends Option> = O["kind"] extends "integer" | "number" | "duration" ? number
  : O["kind"] extends "flag" ? boolean
  : O["kind"] extends "list" | "paths" | "texts" ? string[]
  : string;

/** The typed values that a command's `run` gets: required and defaulted ones are there, the others may be missing. */
export type Values<N extends CommandName> = {
  -readonly [K in keyof typeof COMMANDS[N]["options"]]: typeof COMMANDS[N]["options"][K] extends
    { required: true } | { default: string | number | boolean }
    ? Read<typeof COMMANDS[N]["options"][K] & Option>
    : Read<typeof COMMANDS[N]["options"][K] & Option> | undefined;
};
