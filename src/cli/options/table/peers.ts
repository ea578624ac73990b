import { type Command, optional } from "../option.ts";
import { SITE } from "./files.ts";
import { CONFIG } from "./role.ts";
import { train } from "./train.ts";

export const peers = {
  summary:
    "show this hospital's key and pin those of the others, so that masked runs need not trust the authority",
  example: "fedx peers --tls tls-b --site site-b",
  section: "silo",
  options: {
    config: CONFIG,
    silo: {
      ...optional(train.options.silo),
      help: "whose section of fedx.toml says --tls and --site",
      more: undefined,
    },
    tls: { ...train.options.tls, required: true },
    site: SITE,
    pin: {
      kind: "list",
      value: "NAME=KEY,…",
      help: "hold these hospitals to the keys that they read out to you",
      more:
        "64 hex digits, by telephone from whom you know: each hospital's own `fedx peers` shows its key. The list that " +
        "`fedx peers` shows came through the aggregator; it is there to be compared. Once any key is pinned, a masked " +
        "run is refused until every hospital of it is. This hospital's own is pinned with them.",
      flagOnly: true,
    },
    unpin: {
      kind: "list",
      value: "NAME,…",
      help: "hold these hospitals to no key any longer",
      flagOnly: true,
    },
  },
  json:
    "`silo`, `key` (this hospital's own), `ca` (SHA-256 of the authority's key), `peers` by name {`pinned` key or null, " +
    "`seen` {`key`, `at`} or null}",
} as const satisfies Command;
