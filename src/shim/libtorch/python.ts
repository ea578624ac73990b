/**
 * Starts python3 so that nothing of the folder that fedx works in takes part.
 *
 * Why: with -c and -m Python looks for modules in its working folder first, so a `pip.py` or `zipfile.py` beside
 * somebody's films would be run. It therefore starts in an empty folder of its own, and stays there. (`-I` would
 * keep the working folder out too, but also what `pip install --user` has put in place.)
 */
import { resolve } from "node:path";
import { refusal } from "../../refusal.ts";
import { loaderVariables } from "./loader_variables.ts";

/** How to start Python; `python` and `env` exist for machines with another interpreter, and for tests. */
export interface PythonOptions {
  /** Called with each line that it prints. */
  onLine?: (line: string) => void;
  /** @default "python3" */
  python?: string;
  /** Added to its environment. @default {} */
  env?: Record<string, string>;
}

/** How Python ended and what it printed; `text` has the lines of both streams, as they came. */
export interface PythonResult {
  code: number;
  stdout: string;
  text: string;
}

/**
 * Runs Python in an empty folder (mode 0700), which is removed afterwards: paths among `args` must be absolute.
 *
 * @throws {Error} one sentence with the remedy: there is no Python (its cause is then a NotFound), or no folder
 * can be made.
 */
export async function runPython(args: string[], options: PythonOptions = {}): Promise<PythonResult> {
  const folder = await emptyFolder();
  try {
    return await gather(spawn(args, { ...options, cwd: folder }), options.onLine);
  } finally {
    // What the run gave counts, not an empty folder that stays behind.
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

async function emptyFolder(): Promise<string> {
  try {
    return await Deno.makeTempDir({ prefix: "fedx-python-" });
  } catch (cause) {
    const place = Deno.env.get("TMPDIR") || "/tmp";
    throw refusal(Error, {
      what: "Cannot start python3",
      expected: `to make an empty folder for it in ${place}`,
      got: (cause as Error).message,
      remedy: "set TMPDIR to a folder that this user may write to",
    }, { cause });
  }
}

function spawn(args: string[], options: PythonOptions & { cwd: string }): Deno.ChildProcess {
  const { python = "python3", cwd } = options;
  try {
    return new Deno.Command(python.includes("/") ? resolve(python) : python, {
      args,
      cwd,
      env: { ...loaderVariables(), ...absolutePath(), ...options.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    const remedy = "Install Python 3 with pip (Debian: apt install python3 python3-pip) and run again.";
    throw new Error(`Cannot run ${python}: it was not found. ${remedy}`, { cause });
  }
}

/** PATH with its relative entries made absolute, so that `python3` is the same program in the other folder. */
function absolutePath(): Record<string, string> {
  const path = Deno.env.get("PATH");
  if (!path) return {};
  const entries = path.split(":").map((entry) => entry.startsWith("/") ? entry : `${Deno.cwd()}/${entry}`);
  return { PATH: entries.join(":") };
}

async function gather(child: Deno.ChildProcess, onLine?: (line: string) => void): Promise<PythonResult> {
  const lines: string[] = [];
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    const own: string[] = [];
    let rest = "";
    const take = (line: string) => {
      own.push(line);
      lines.push(line);
      onLine?.(line);
    };
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      for (const line of parts) take(line);
    }
    if (rest !== "") take(rest);
    return own.join("\n");
  };
  const [stdout] = await Promise.all([read(child.stdout), read(child.stderr)]);
  return { code: (await child.status).code, stdout, text: lines.join("\n") };
}
