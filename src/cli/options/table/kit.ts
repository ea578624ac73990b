import type { Command } from "../option.ts";
import { prepare } from "./prepare.ts";
import { train } from "./train.ts";
import { TRAINING } from "./training.ts";

export const kitMake = {
  summary: "archive for each hospital: settings, the authority's certificate, README, a service; never a key",
  example: "fedx kit make a,b,c --server https://hub.example:8443 --ca ca/ca.pem",
  positional: {
    NAMES: { kind: "list", help: "the hospitals, by the names in their certificates, with commas between" },
  },
  options: {
    server: { kind: "url", value: "URL", help: train.options.server.help, required: true },
    ca: {
      kind: "path",
      value: "FILE",
      help: "the authority's certificate, ca.pem",
      more: "A folder, or a file with a key in it, is refused.",
      required: true,
    },
    size: { ...prepare.options.size, help: "side of the run's images in pixels", more: undefined },
    jpeg2000: {
      ...prepare.options.jpeg2000,
      help: "how the run's JPEG 2000 films are decoded",
      more: undefined,
    },
    recipes: {
      kind: "list",
      value: "A,B",
      help: "recipes that the hospital's settings accept",
      more: `${TRAINING.recipe.choices.map((name) => `\`${name}\``).join(" or ")}. ` +
        "This and the three below go into `accept` of its fedx.toml, for the hospital to look at.",
      default: TRAINING.recipe.default,
    },
    "max-passes": {
      kind: "number",
      value: "X",
      help: "most passes over the training images that they accept",
      range: [1e-6, 1e8],
      default: 1000,
    },
    "min-train-patients": {
      kind: "integer",
      value: "N",
      help: "fewest training patients with which the hospital takes part",
      range: [1, 1_000_000],
      default: 50,
    },
    unmasked: {
      kind: "flag",
      help: "let them accept a run whose aggregator sees each update, too",
      more: "A run of two hospitals can be no other.",
    },
    out: { kind: "path", value: "DIR", help: "folder for fedx-NAME.tar.gz", default: "." },
  },
  json: "`kits` [`name`, `file`, `sha256`]",
} as const satisfies Command;
