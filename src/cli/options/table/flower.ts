import type { Command, Options } from "../option.ts";
import { LABELS, TRAINING } from "./training.ts";

const { recipe, network, batch, lr, seed } = TRAINING;
const IN_FLOWER = { flagOnly: true, default: undefined } as const;

/** A silo in a run of Flower's. All of them stand on the command line alone: such a silo has no plan to agree to. */
export const FLOWER = {
  flower: {
    kind: "link",
    value: "URL",
    help: "in place of --server: a Flower SuperLink's Fleet API, to be one of its nodes",
    more:
      "http:// is not encrypted: for a link on this machine, or behind a tunnel. The options below are for " +
      "such a run alone.",
    ...IN_FLOWER,
  },
  app: {
    kind: "list",
    value: "APPS",
    help: "Flower apps that may ask: PUBLISHER/NAME, or the SHA-256 of an app's file",
    more:
      "Every run on a link reaches every node, so there is no default. Name and hash are what the link says.",
    ...IN_FLOWER,
  },
  transport: {
    kind: "text",
    value: "NAME",
    help: "how the link is spoken to: http since Flower 1.40, grpc before",
    more: "By default fedx finds out which.",
    choices: ["http", "grpc"],
    ...IN_FLOWER,
  },
  ca: {
    kind: "path",
    value: "FILE",
    help: "certificate of the authority of the link's certificate, PEM",
    ...IN_FLOWER,
  },
  key: {
    kind: "path",
    value: "FILE",
    help: "private key that the link's operator has registered (EC P-384, PEM; default: one of its own)",
    ...IN_FLOWER,
  },
  network: { ...network, ...IN_FLOWER, help: "network of the app (default: efficientnet_b0)" },
  recipe: { ...recipe, ...IN_FLOWER, help: "preset of the training numbers (default: default)" },
  batch: { ...batch, ...IN_FLOWER, help: "images per step, where the app says none" },
  lr: { ...lr, ...IN_FLOWER, help: "peak learning rate, where the app says none" },
  "local-epochs": {
    kind: "number",
    value: "X",
    help: "passes over the training images per round, where the app says none (default: 1)",
    range: [1e-6, 1000],
    ...IN_FLOWER,
  },
  rounds: {
    kind: "integer",
    value: "N",
    help: "rounds that the learning rate's schedule spans, where the app says none",
    more: "Without it the rate stays at its peak. No round after the last is trained.",
    range: [1, 100_000],
    ...IN_FLOWER,
  },
  seed: {
    ...seed,
    ...IN_FLOWER,
    help: "seed of everything random (default: 0); hospitals differ by their keys",
  },
  positive: { ...LABELS.positive, ...IN_FLOWER },
  exclude: { ...LABELS.exclude, ...IN_FLOWER },
  ignore: {
    kind: "list",
    value: "NAMES",
    help: "settings of the app to let pass unheeded",
    more: "Others that fedx does not have are refused by name.",
    ...IN_FLOWER,
  },
  records: {
    kind: "list",
    value: "NAME=RECORD,…",
    help: "names of the app's records (default: arrays=arrays,config=config,metrics=metrics)",
    ...IN_FLOWER,
  },
  "train-metrics": {
    kind: "list",
    value: "NAME=FIGURE,…",
    help:
      "what a reply to train tells: loss, examples, clipped (default: train_loss=loss,num-examples=examples)",
    more:
      "An app adds sites' metrics up by name: all sites must tell the same. Adaptive clipping wants norm_bit=clipped.",
    ...IN_FLOWER,
  },
  "evaluate-metrics": {
    kind: "list",
    value: "NAME=FIGURE,…",
    help: "what a reply to evaluate tells, of val: loss, accuracy, auroc, examples",
    more:
      "By default eval_loss=loss,eval_acc=accuracy,num-examples=examples, as Flower's template for PyTorch.",
    ...IN_FLOWER,
  },
} as const satisfies Options;

/** An aggregator's part in it: sites with Flower in a run of ours. */
export const FLOWER_SITES = {
  "flower-listen": {
    kind: "address",
    value: "HOST:PORT",
    help: "let the --silos that are enrolled with Flower take part: where their SuperNodes call, over TLS",
    more:
      "HTTP and gRPC on one port, for Flower 1.23 and later. Enrolled is who is in DIR/flower.json: fedx flower enrol. " +
      "With --rounds alone.",
    sample: "0.0.0.0:8000",
  },
} as const satisfies Options;

export const flowerEnrol = {
  summary: "let a site with Flower take part under a silo's name: writes flower.json into DIR",
  example: "fedx flower enrol d K.pub --train 1200 --positives 700 --tls tls-hub",
  positional: {
    NAME: { kind: "name", help: "the silo's name" },
    KEY: {
      kind: "path",
      help: "public key of the site's SuperNode, PEM or OpenSSH: of its --auth-supernode-private-key",
    },
  },
  options: {
    train: {
      kind: "integer",
      value: "N",
      help: "films that the site trains on: its updates weigh so much, others are refused",
      range: [2, 1e9],
      required: true,
    },
    positives: {
      kind: "integer",
      value: "P",
      help: "how many of them are positive: have a finding, or what the run's --positive or --exclude says",
      range: [1, 1e9],
      required: true,
    },
    tls: { kind: "path", value: "DIR", help: "the aggregator's certificate folder", required: true },
  },
  json: "`name`, `train`, `positives`, `list`, `changed`, `signer`",
} as const satisfies Command;
