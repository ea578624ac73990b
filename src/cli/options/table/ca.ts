import type { Command, Option } from "../option.ts";

const NAME = {
  kind: "name",
  help: "whom the certificate is for, e.g. the silo's name",
} as const satisfies Option;

const ROLE = {
  kind: "text",
  value: "ROLE",
  help: "silo or aggregator",
  choices: ["silo", "aggregator"],
  required: true,
} as const satisfies Option;

const HOST = {
  kind: "hosts",
  value: "H",
  help: "DNS name or address of the aggregator (default: localhost)",
  more: "May be repeated. The silos' --server must name one of them.",
} as const satisfies Option;

const CA = {
  kind: "path",
  value: "CA",
  help: "folder of the authority",
  required: true,
} as const satisfies Option;

export const caInit = {
  summary: "make the federation's certificate authority",
  example: "fedx ca init --out ca",
  options: { out: { kind: "path", value: "CA", help: "new folder of the authority", required: true } },
  json: "paths, expiry",
} as const satisfies Command;

export const caIssue = {
  summary: "certificate for one silo or the aggregator: DIR gets ca.pem, cert.pem, key.pem",
  example: "fedx ca issue b --role silo --ca ca --out tls-b",
  positional: { NAME },
  options: {
    role: ROLE,
    host: HOST,
    ca: CA,
    out: { kind: "path", value: "DIR", help: "folder to write, key.pem with mode 0600", required: true },
  },
  json: "paths, expiry, `fingerprint`, `keyDigest` (SHA-256 of the public key)",
} as const satisfies Command;

export const caRequest = {
  summary: "key (it stays in DIR, mode 0600) and request.pem, which goes to the holder of the authority",
  example: "fedx ca request b --role silo --out tls-b",
  positional: { NAME },
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
} as const satisfies Command;

export const caSign = {
  summary: "certificate for a request: DIR gets cert.pem and ca.pem, FILE the certificate alone",
  example: "fedx ca sign request.pem --name b --role silo --ca ca --out signed-b",
  positional: { REQUEST: { kind: "path", help: "the site's request.pem" } },
  options: {
    name: {
      kind: "name",
      value: "NAME",
      help: "whom you sign for; the request must ask for that name",
      required: true,
    },
    role: { ...ROLE, help: "silo or aggregator; the request must ask for that role" },
    ca: CA,
    out: { kind: "path", value: "FILE.pem|DIR", help: "what to send back to the site", required: true },
  },
  json: "paths, `name`, `role`, `hosts`, `key`, `fingerprint`, expiry, `ignored`, `other`",
} as const satisfies Command;

export const caRevoke = {
  summary: "refuse a silo's certificates from now on: writes the signed list revoked.json into DIR and CA",
  example: "fedx ca revoke b --ca ca --tls tls-hub",
  positional: { NAME: { ...NAME, help: "the silo's name" } },
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
} as const satisfies Command;
