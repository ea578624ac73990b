import { ProtocolError } from "../fed/protocol/errors.ts";
import type { FaultPoint } from "../fed/protocol/fault_point.ts";
import { guardExit, shutdown } from "../model/shutdown.ts";
import type { Context } from "./context.ts";
import { COMMANDS } from "./options/commands.ts";
import { longHelp, overview, shortHelp } from "./options/help.ts";
import type { Command } from "./options/option.ts";
import { findCommand, parse } from "./options/parse.ts";
import { settle } from "./options/settings.ts";
import { UsageError } from "./options/usage_error.ts";
import { Output } from "./output/output.ts";
import { describeSystemError } from "./output/system_error.ts";
import { call } from "./registry.ts";
import { stopOnSignals } from "./signals.ts";

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
    output.line(explain(error));
    return isUsage(error) ? 2 : 1;
  } finally {
    stop.release();
    shutdown();
  }
}

/** What every command gets, whatever its options. */
type Surroundings = Pick<Context<Command>, "output" | "signal" | "faultPoint">;

async function dispatch(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { output } = surroundings;
  const words = spelledOut(args);
  const found = findCommand(words);
  if (!found) {
    const strange = words.find((word) => !["--help", "-h", "--json"].includes(word));
    if (strange !== undefined) {
      throw new UsageError(`Cannot run \`${strange}\`: expected a command first; see \`fedx --help\`.`);
    }
    output.result({ commands: Object.keys(COMMANDS) }, overview());
    return words.includes("--help") || words.includes("-h") ? 0 : 2;
  }
  const { given, help } = parse(found.name, found.rest);
  if (help === undefined) return await perform(found, given, surroundings);
  const text = help === "short" ? shortHelp(found.name) : longHelp(found.name);
  output.result({ help: text }, text);
  return 0;
}

/** `fedx help COMMAND` is `fedx COMMAND --help`, and `fedx --version` is `fedx version`. */
function spelledOut([first, ...rest]: readonly string[]): string[] {
  if (first === "help") return [...rest, "--help"];
  if (first === "--version") return ["version", ...rest];
  return first === undefined ? [] : [first, ...rest];
}

/** Runs a command with what the command line and the settings file say; a signal is no failure where it can go on. */
async function perform(
  { name, command }: { name: string; command: Command },
  given: Record<string, unknown>,
  surroundings: Surroundings,
): Promise<number> {
  const { output, signal } = surroundings;
  try {
    const settings = await settle(name, given);
    return await call(name, { ...surroundings, ...settings });
  } catch (error) {
    if (!signal.aborted || error instanceof UsageError) throw error;
    output.clear();
    output.line(
      command.resumable ? "Stopped; the same command goes on from here." : "Stopped before the end.",
    );
    return command.resumable ? 0 : 1;
  }
}

/** Whether other arguments are the remedy. */
export function isUsage(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  return error instanceof ProtocolError &&
    ["bad_proposal", "other_proposal", "finished_run", "cannot_leave_out"].includes(error.code);
}

/** One sentence for the operator; with FEDX_DEBUG the stack as well. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (Deno.env.get("FEDX_DEBUG")) return error.stack ?? error.message;
  return describeSystemError(error) ?? error.message.trim();
}

if (import.meta.main) Deno.exit(await main(Deno.args));
