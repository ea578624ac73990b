/** Runs the program as its users do: real processes, exit codes, stdout and stderr. */
import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch } from "@std/assert";
import { ownCommand } from "../../src/cli/commands/demo/processes.ts";
import { childFlags } from "./child.ts";
import { fileFolder } from "./folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** In place of the folder where the user of this machine keeps what outlives runs. */
let data: Promise<string> | undefined;

/** What a finished process left. */
export interface Finished {
  code: number;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** A process of the program. */
export interface Running {
  child: Deno.ChildProcess;
  finished: Promise<Finished>;
}

/** The program's command: FEDX_EXE, the launcher in the clone, or this Deno. */
export async function program(): Promise<{ command: string; args: string[] }> {
  const there = await Deno.stat(`${ROOT}fedx`).then(() => true, () => false);
  if (Deno.env.get("FEDX_EXE") === undefined && there) return { command: `${ROOT}fedx`, args: [] };
  return ownCommand();
}

/** Writes the program's command as `dir`/fedx, which is how the pages call it. */
export async function placeProgram(dir: string): Promise<void> {
  const own = await program();
  const quoted = [own.command, ...own.args].map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(`${dir}/fedx`, `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
}

/** The command that runs `faulty_role.ts`, which is the program with a fault. */
async function faultyProgram(): Promise<{ command: string; args: string[] }> {
  return {
    command: Deno.execPath(),
    args: ["run", "--quiet", "--allow-all", ...await childFlags(), `${ROOT}tests/testing/faulty_role.ts`],
  };
}

/** Starts the program in `cwd`; `fault` names a fault of `faulty_role.ts`. */
export async function start(
  args: readonly string[],
  options: { cwd: string; fault?: string; env?: Record<string, string> },
): Promise<Running> {
  const base = options.fault === undefined ? await program() : await faultyProgram();
  const fault = options.fault === undefined ? [] : [options.fault];
  const child = new Deno.Command(base.command, {
    args: [...base.args, ...fault, ...args],
    cwd: options.cwd,
    env: { DENO_NO_UPDATE_CHECK: "1", XDG_DATA_HOME: await (data ??= fileFolder()), ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return { child, finished: collect(child) };
}

async function collect(child: Deno.ChildProcess): Promise<Finished> {
  const [stdout, stderr, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.status,
  ]);
  return { code: status.code, signal: status.signal, stdout, stderr };
}

/** Runs the program to its end. */
export async function run(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<Finished> {
  return await (await start(args, options)).finished;
}

/** Runs a command under --json and returns its object; an exit code that is not 0 is an error with its stderr. */
export async function runJson(
  args: readonly string[],
  options: { cwd: string },
): Promise<Record<string, unknown>> {
  return objectOf(await run([...args, "--json"], options), args[0]);
}

/** The one JSON object on stdout. */
export function objectOf(finished: Finished, name: string): Record<string, unknown> {
  if (finished.code !== 0) throw new Error(`fedx ${name} ended with ${finished.code}: ${finished.stderr}`);
  return JSON.parse(finished.stdout);
}

/**
 * Nothing on stdout, no stack, and one sentence that says what is wrong and the remedy.
 * @param exit 2 where other arguments are the remedy @default 1
 */
export function assertRefused(finished: Finished, text: RegExp, exit: 1 | 2 = 1): void {
  const { code, stdout, stderr } = finished;
  assertEquals(code, exit, stderr);
  const lines = stderr.trim().split("\n");
  assertMatch(lines.at(-1)!, text);
  const sentences = lines.filter((line) => /^Cannot /.test(line));
  assertEquals(sentences, [lines.at(-1)!]);
  assertEquals(/^ {4}at /m.test(stderr), false, stderr);
  assertEquals(stdout, "");
}
