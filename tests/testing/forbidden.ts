/**
 * Runs command lines where permissions bind: permissions do not bind root, so it gives up the right to pass over them.
 *
 * As a program: reads command lines (JSON) from its argument, and prints what each of them did.
 */
import { fileURLToPath } from "node:url";
import { childFlags } from "./child.ts";
import { type Ran, runCommand } from "./run_command.ts";

/** The rights by which root reads what is not its own. */
const RIGHTS = "-dac_override,-dac_read_search";

/** Why permissions cannot be tried here; null where they can. */
export function noPermissions(): string | null {
  if (Deno.uid() !== 0) return null;
  try {
    new Deno.Command("setpriv", { args: ["--version"], stdout: "null" }).outputSync();
    return null;
  } catch {
    return "this is root, and there is no setpriv to give its rights up with";
  }
}

/** A command line, and the file or folder that nobody may use while it runs. */
export interface Forbidden {
  closed: string;
  args: string[];
}

/** Runs each command line to its end, one after the other, in one process that permissions bind. */
export async function runForbidden(lines: Forbidden[], options: { cwd: string }): Promise<Ran[]> {
  const own = ["run", "--quiet", "-A", ...await childFlags(), fileURLToPath(import.meta.url)];
  const bound = ["setpriv", "--bounding-set", RIGHTS, "--inh-caps", RIGHTS, Deno.execPath(), ...own];
  const [command, ...args] = Deno.uid() === 0 ? bound : [Deno.execPath(), ...own];
  const child = new Deno.Command(command, { args: [...args, JSON.stringify(lines)], cwd: options.cwd });
  const { stdout, stderr, code } = await child.output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function run({ closed, args }: Forbidden): Promise<Ran> {
  const { mode } = await Deno.stat(closed);
  await Deno.chmod(closed, 0);
  try {
    return await runCommand(...args);
  } finally {
    await Deno.chmod(closed, mode! & 0o777);
  }
}

if (import.meta.main) {
  const ran: Ran[] = [];
  for (const line of JSON.parse(Deno.args[0]) as Forbidden[]) ran.push(await run(line));
  console.log(JSON.stringify(ran));
  Deno.exit(0);
}
