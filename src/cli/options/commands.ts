// Why: this table is the command line. Parsing, help, usage lines, the keys of fedx.toml, the file that `fedx init`
// writes and docs/commands.md all come from it, so that none of them can say something else than the others.
import type { Options, Table } from "./option.ts";
import { aggregate } from "./table/aggregate.ts";
import { auditVerify } from "./table/audit.ts";
import { caInit, caIssue, caRequest, caRevoke, caSign } from "./table/ca.ts";
import { compare } from "./table/compare.ts";
import { demo } from "./table/demo.ts";
import { doctor } from "./table/doctor.ts";
import { evaluate } from "./table/evaluate.ts";
import { flowerEnrol } from "./table/flower.ts";
import { forget } from "./table/forget.ts";
import { init } from "./table/init.ts";
import { kitMake } from "./table/kit.ts";
import { local } from "./table/local.ts";
import { networks } from "./table/networks.ts";
import { peers } from "./table/peers.ts";
import { predict } from "./table/predict.ts";
import { prepare } from "./table/prepare.ts";
import { status } from "./table/status.ts";
import { train } from "./table/train.ts";
import { version } from "./table/version.ts";

/** Every command, in the order in which help and docs/commands.md list them. */
export const COMMANDS = {
  demo,
  init,
  prepare,
  forget,
  "ca init": caInit,
  "ca issue": caIssue,
  "ca request": caRequest,
  "ca sign": caSign,
  "ca revoke": caRevoke,
  "kit make": kitMake,
  "flower enrol": flowerEnrol,
  aggregate,
  train,
  peers,
  local,
  evaluate,
  predict,
  networks,
  compare,
  doctor,
  status,
  "audit verify": auditVerify,
  version,
} as const satisfies Table;

/** The options that every command has. */
export const EVERYWHERE = {
  json: { kind: "flag", help: "print one JSON object on stdout" },
  help: { kind: "flag", help: "explain the command (-h: in short)" },
} as const satisfies Options;

/** A command's name, e.g. `ca issue`. */
export type CommandName = keyof typeof COMMANDS;
