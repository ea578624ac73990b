import { ProtocolError } from "../fed/protocol/errors.ts";
import type { FaultPoint } from "../fed/protocol/fault_point.ts";
import { guardExit, shutdown } from "../model/shutdown.ts";
import type { Context } from "./context.ts";
import { groupOverview, longHelp, type Overview, overview, shortHelp } from "./options/help.ts";
import type { Command } from "./options/option.ts";
import { findCommand, isGroup, parse } from "./options/parse.ts";
import { settle } from "./options/settings.ts";
import { UsageError } from "./options/usage_error.ts";
import { Output } from "./output/output.ts";
import { describeSystemError } from "./output/system_error.ts";
import { call } from "./registry.ts";
import { type Stop, stopOnSignals } from "./signals.ts";

/**
 * Runs one command line to its end.
 *
 * @param args the arguments after the program's name
 * @param options.faultPoint awaited by the roles at named moments: tests kill or delay a role there
 * @param options.leave ends the process; signals are heard until then, so that one that comes once the work is done and
 * told changes nothing
 * @returns the exit code: 0 done, 1 failed, 2 usage, 130 or 143 stopped by a signal before the work was done
 */
export async function main(
  args: readonly string[],
  { leave, ...options }: { faultPoint?: FaultPoint; leave?: (code: number) => unknown } = {},
): Promise<number> {
  const output = await Output.create({ json: args.includes("--json") || args.includes("--json=true") });
  const stop = stopOnSignals(output);
  guardExit((reason) => output.end(explain(reason)));
  try {
    const code = await dispatch(args, { output, stop, ...options }).catch((error) => {
      output.end(explain(error));
      return isUsage(error) ? 2 : 1;
    });
    shutdown();
    await leave?.(code);
    return code;
  } finally {
    stop.release();
  }
}

/** What every command gets, whatever its options. */
type Surroundings = Pick<Context<Command>, "output" | "faultPoint"> & { stop: Stop };

async function dispatch(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { output } = surroundings;
  const words = spelledOut(args);
  if (isGroup(words)) return tell(output, words, groupOverview(words[0]));
  const found = findCommand(words);
  if (!found) {
    const strange = words.find((word) => !["--help", "-h", "--json"].includes(word));
    if (strange !== undefined) {
      throw new UsageError(`Cannot run \`${strange}\`: expected a command first; see \`fedx --help\`.`);
    }
    return tell(output, words, overview());
  }
  const { given, help } = parse(found.name, found.rest);
  if (help === undefined) return await perform(found, given, surroundings);
  const text = help === "short" ? shortHelp(found.name) : longHelp(found.name);
  output.result({ help: text }, text);
  return 0;
}

/** Lists commands: what was asked for with --help, and what whoever names none of them is told. */
function tell(output: Output, words: readonly string[], list: Overview): number {
  output.result({ commands: list.names }, list.text);
  return words.includes("--help") || words.includes("-h") ? 0 : 2;
}

/** `fedx help COMMAND` is `fedx COMMAND --help`, `fedx --version` and `fedx -v` are `fedx version`. */
function spelledOut([first, ...rest]: readonly string[]): string[] {
  if (first === "help") return [...rest, "--help"];
  if (first === "--version" || first === "-v") return ["version", ...rest];
  return first === undefined ? [] : [first, ...rest];
}

/** Runs a command with what the command line and the settings file say; a signal that stops it is no failure. */
async function perform(
  { name, command }: { name: string; command: Command },
  given: Record<string, unknown>,
  { stop, output, faultPoint }: Surroundings,
): Promise<number> {
  const { signal } = stop;
  output.timed = command.long ?? false;
  try {
    const settings = await settle(name, given);
    return await call(name, { output, signal, faultPoint, ...settings });
  } catch (error) {
    if (!signal.aborted || error instanceof UsageError) throw error;
    output.end(
      command.resumable ? "Stopped; the same command goes on from here." : "Stopped before the end.",
    );
    return stop.code;
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

if (import.meta.main) await main(Deno.args, { leave: Deno.exit });
