import { ProtocolError } from "../fed/protocol/errors.ts";
import type { FaultPoint } from "../fed/protocol/fault_point.ts";
import { guardExit, shutdown } from "../model/shutdown.ts";
import { type CommandName, COMMANDS } from "./options/commands.ts";
import type { Limits } from "../fed/silo/limits.ts";
import { commandHelp, overview } from "./options/help.ts";
import { Output } from "./output/output.ts";
import { findCommand, parse, UsageError } from "./options/parse.ts";
import { settle } from "./options/settings.ts";
import { stopOnSignals } from "./signals.ts";
import { describeSystemError } from "./output/system_error.ts";

/** What a command's `run` gets. */
export interface Context<V> {
  values: V;
  accept?: Limits;
  output: Output;
  /** Aborted by SIGINT or SIGTERM. */
  signal: AbortSignal;
  /** Awaited by the roles at named moments. @default none */
  faultPoint?: FaultPoint;
}

/**
 * Runs one command line to its end.
 *
 * @param args the arguments after the program's name
 * @param options.faultPoint awaited by the roles at named moments: tests kill or delay a role there
 * @returns the exit code: 0 done (a role stopped by a signal too: it can go on), 1 failed, 2 usage
 */
export async function main(
  args: readonly string[],
  options: { faultPoint?: FaultPoint } = {},
): Promise<number> {
  const output = await Output.create({ json: args.includes("--json") || args.includes("--json=true") });
  const stop = stopOnSignals(output);
  guardExit((reason) => output.line(explain(reason)));
  try {
    return await dispatch(args, { output, signal: stop.signal, ...options });
  } catch (error) {
    output.clear();
    if (stop.signal.aborted && !(error instanceof UsageError)) {
      const resumable = args[0] === "aggregate" || args[0] === "train";
      output.line(resumable ? "Stopped; the same command goes on from here." : "Stopped before the end.");
      return resumable ? 0 : 1;
    }
    output.line(explain(error));
    return isUsage(error) ? 2 : 1;
  } finally {
    stop.release();
    shutdown();
  }
}

async function dispatch(
  args: readonly string[],
  rest: Pick<Context<unknown>, "output" | "signal" | "faultPoint">,
): Promise<number> {
  const { output } = rest;
  const found = findCommand(args[0] === "--version" ? ["version"] : args);
  if (!found) {
    const strange = args.find((arg) => !["--help", "-h", "--json"].includes(arg));
    if (strange !== undefined) {
      throw new UsageError(`Cannot run \`${strange}\`: expected a command first; see \`fedx --help\`.`);
    }
    output.result({ commands: Object.keys(COMMANDS) }, overview());
    return args.includes("--help") || args.includes("-h") ? 0 : 2;
  }
  const parsed = parse(found.name, found.rest);
  if (parsed.help) {
    output.result({ help: commandHelp(found.name) }, commandHelp(found.name));
    return 0;
  }
  const settings = await settle(found.name, parsed.given);
  return await call(found.name, { ...settings, ...rest });
}

/** Loads one command's code, so that starting one does not load the others. */
const CODE: Record<CommandName, () => Promise<{ run: (context: never) => Promise<number | void> }>> = {
  demo: () => import("./commands/demo.ts"),
  init: () => import("./commands/init.ts"),
  prepare: () => import("./commands/prepare.ts"),
  "ca init": () => import("./commands/ca/init.ts"),
  "ca issue": () => import("./commands/ca/issue.ts"),
  "ca request": () => import("./commands/ca/request.ts"),
  "ca sign": () => import("./commands/ca/sign.ts"),
  "ca revoke": () => import("./commands/ca/revoke.ts"),
  aggregate: () => import("./commands/aggregate.ts"),
  train: () => import("./commands/train.ts"),
  local: () => import("./commands/local.ts"),
  evaluate: () => import("./commands/evaluate.ts"),
  predict: () => import("./commands/predict.ts"),
  doctor: () => import("./commands/doctor.ts"),
  version: () => import("./commands/version.ts"),
};

async function call(name: CommandName, context: Context<unknown>): Promise<number> {
  const { run } = await CODE[name]();
  return await run(context as never) ?? 0;
}

/** Whether other arguments are the remedy. */
export function isUsage(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  return error instanceof ProtocolError && (error.code === "bad_proposal" || error.code === "other_proposal");
}

/** One sentence for the operator; with FEDX_DEBUG the stack as well. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (Deno.env.get("FEDX_DEBUG")) return error.stack ?? error.message;
  return describeSystemError(error) ?? error.message.trim();
}

if (import.meta.main) Deno.exit(await main(Deno.args));
