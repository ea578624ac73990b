/**
 * The one script behind every deno task: `deno run -A --no-config tools/dn.ts COMMAND [ARGUMENTS]`.
 *
 * It says where `@std` comes from (std.ts), makes the clone ready where the command needs that (bootstrap.ts), then
 * runs Deno with the right flags. It imports nothing that has to be fetched.
 */
import { fileURLToPath } from "node:url";
import { bootstrap } from "./bootstrap.ts";
import { bundle } from "./bundle.ts";
import { checkCuda } from "./check_cuda.ts";
import { compile } from "./compile.ts";
import { exists } from "../src/files/exists.ts";
import { gpu } from "./gpu/task.ts";
import { findLibtorch } from "../src/shim/libtorch/find.ts";
import { PINNED_DENO, RUN_DENO } from "../src/version.ts";
import { writeLauncher } from "./launcher.ts";
import { Progress } from "./progress.ts";
import { makeShims } from "./shims.ts";
import { sideBySide, testFiles } from "./side_by_side.ts";
import { type Resolution, resolveStd } from "./std.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

type Command = (args: string[]) => Promise<number>;

const COMMANDS: Record<string, Command> = {
  build: async () => (await ready(), 0),
  demo: async (args) => (await ready(), await run([`${ROOT}fedx`, "demo", ...args])),
  fedx: runFedx,
  test,
  "test:long": (args) => testInOne(args, ["tests/long"]),
  ok,
  bench: runBench,
  fmt: (args) => deno(["fmt", ...args]),
  lint: (args) => deno(["lint", ...args]),
  check: runCheck,
  compile: async () => (await compileHere(), 0),
  bundle: async () => (await bundleHere(), 0),
  "check:cuda": async () => (await checkCuda(), 0),
  gpu: gpuHere,
};

/** True when a path is among Deno's arguments; `x` of `--filter x` is none, whatever it names. */
export async function namePaths(args: string[]): Promise<boolean> {
  const words = args.filter((arg, i) => !arg.startsWith("-") && args[i - 1] !== "--filter");
  for (const word of words) if (await exists(word)) return true;
  return false;
}

/** Deno's own tests in one process; paths among the arguments replace the default ones. */
async function testInOne(args: string[], paths: string[]): Promise<number> {
  const { flags, env } = await ready();
  const chosen = await namePaths(args) ? [] : paths;
  return await deno(["test", "--allow-all", ...flags, ...chosen, ...args], env);
}

/** The same side by side, where there are several files and no flag whose meaning is not known here. */
async function test(args: string[]): Promise<number> {
  const { flags, env } = await ready();
  const [paths, others] = apart(args);
  const files = paths.length > 0
    ? await testFiles(paths, null).catch(() => [])
    : await testFiles(["tests"], "tests/long");
  if (files.length < 2 || others.some((word, i) => word !== "--filter" && others[i - 1] !== "--filter")) {
    return await testInOne(args, ["tests", "--ignore=tests/long"]);
  }
  const code = await deno(["check", "--quiet", ...flags, ...files]);
  if (code !== 0) return code;
  const options = ["test", "--no-check", "--allow-all", ...flags];
  const run = (batch: string[]) => captured([...options, ...batch, ...others], env);
  return await sideBySide(files, run, { stopped: () => stopped });
}

/** Paths, and what else stands among a test's arguments. */
function apart(args: string[]): [string[], string[]] {
  const isPath = (arg: string, i: number) => !arg.startsWith("-") && args[i - 1] !== "--filter";
  return [args.filter(isPath), args.filter((arg, i) => !isPath(arg, i))];
}

/** The gate: each step must pass. */
async function ok(args: string[]): Promise<number> {
  const { flags, env } = await ready();
  const first = ["tests/architecture", "tests/shim/symbols_test.ts"];
  const steps: [string, () => Promise<number>][] = [
    ["format", () => deno(["fmt", "--check"])],
    ["lint", () => deno(["lint"])],
    ["types", () => runCheck([])],
    ["architecture, header = table", () => deno(["test", "--allow-all", ...flags, ...first], env)],
    ["tests", () => test(args)],
  ];
  for (const [name, step] of steps) {
    new Progress().line(`ok: ${name}`);
    const code = await step();
    if (code !== 0) return code;
  }
  return 0;
}

/** Runs the program from source; fetches and builds nothing (the commands that need the engine say so). */
async function runFedx(args: string[]): Promise<number> {
  const { flags } = await resolve();
  const libtorch = await findLibtorch().catch(() => null); // the program says what is wrong with FEDX_LIBTORCH
  const { path } = await writeLauncher({ flags, libtorch: libtorch?.dir ?? null });
  return await run([path, ...args]);
}

/** Benches that are programs; in bench/, what `deno bench` measures is named `*_bench.ts`. */
const PROGRAMS = ["bench/engine.ts", "bench/round.ts", "bench/memory.ts"];

/** One after the other: `deno bench`, then the programs. With arguments, only what they name. */
async function runBench(args: string[]): Promise<number> {
  const { flags, env } = await ready();
  const program = (words: string[]) => deno(["run", "--allow-all", ...flags, ...words], env);
  if (/^[^-].*(?<!_bench)\.ts$/.test(args[0] ?? "")) return await program(args);
  const paths = await namePaths(args) ? [] : ["bench"];
  let code = await deno(["bench", "--allow-all", ...flags, ...paths, ...args], env);
  for (const path of args.length > 0 ? [] : PROGRAMS) {
    new Progress().line(`bench: ${path}`);
    code = await program([path]) || code;
  }
  return code;
}

async function runCheck(args: string[]): Promise<number> {
  const { flags } = await resolve();
  const present = [];
  for (const path of ["mod.ts", "src", "tools", "tests", "bench"]) {
    if (await exists(`${ROOT}${path}`)) present.push(path);
  }
  return await deno(["check", "--quiet", ...flags, ...(args.length > 0 ? args : present)]);
}

/** Puts the one file in the place of `./fedx`, until a task that runs from source writes its script there again. */
async function compileHere(): Promise<void> {
  const { flags } = await resolve();
  const progress = new Progress();
  const shims = await makeShims(progress);
  const { bytes } = await compile({
    out: `${ROOT}fedx`,
    flags,
    shims,
    onLine: (line) => progress.line(line),
  });
  progress.line(`./fedx: one file, ${(bytes / 1e6).toFixed(1)} MB`);
}

/** Writes the archive for closed networks into the clone. */
async function bundleHere(): Promise<void> {
  const { flags } = await resolve();
  const shims = await makeShims(new Progress());
  const { path, bytes } = await bundle({ folder: ROOT.slice(0, -1), flags, shims });
  new Progress().line(`./${path.split("/").at(-1)}: ${(bytes / 1e6).toFixed(1)} MB`);
}

/** Packs the archive for a machine with a GPU, and runs its stages here from an empty folder. */
async function gpuHere(words: string[]): Promise<number> {
  const { flags } = await resolve();
  return await gpu(words, { flags, run: (command, options) => ended(start(command, options)) });
}

let resolution: Resolution | undefined;

async function resolve(): Promise<Resolution> {
  if (resolution === undefined) {
    resolution = await resolveStd();
    if (resolution.note !== null) new Progress().line(resolution.note);
  }
  return resolution;
}

/** Everything that running, testing and measuring need; what was found is handed on to the child. */
async function ready(): Promise<{ flags: string[]; env: Record<string, string> }> {
  const { flags } = await resolve();
  const { dir } = await bootstrap(flags);
  return { flags, env: { FEDX_LIBTORCH: dir } };
}

async function deno(args: string[], env: Record<string, string> = {}): Promise<number> {
  return await run([Deno.execPath(), ...args], env);
}

/** The same with its output as text. */
async function captured(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const child = start([Deno.execPath(), ...args], { env, stdout: "piped", stderr: "piped" });
  const texts: string[] = [];
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) texts.push(text);
  };
  const [code] = await Promise.all([ended(child), read(child.stdout), read(child.stderr)]);
  return { code, output: texts.join("") };
}

/** Runs a program to its end; returns its exit status. */
async function run(words: string[], env: Record<string, string> = {}): Promise<number> {
  return await ended(start(words, { env }));
}

function start([program, ...args]: string[], options: Deno.CommandOptions): Deno.ChildProcess {
  const env = { DENO_NO_UPDATE_CHECK: "1", ...options.env };
  return new Deno.Command(program, { ...options, args, env }).spawn();
}

/** Whether a signal asked for the end: what has not begun does not begin any more. */
let stopped = false;

/** Waits for a program's end, passing signals on. */
async function ended(child: Deno.ChildProcess): Promise<number> {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const pass = signals.map((signal) => () => {
    stopped = true;
    try {
      child.kill(signal);
    } catch {
      // It has ended meanwhile.
    }
  });
  signals.forEach((signal, i) => Deno.addSignalListener(signal, pass[i]));
  const status = await child.status;
  signals.forEach((signal, i) => Deno.removeSignalListener(signal, pass[i]));
  return status.code;
}

async function main([name, ...args]: string[]): Promise<number> {
  const command = COMMANDS[name ?? ""];
  if (command === undefined) {
    new Progress().line(`expected one of ${Object.keys(COMMANDS).join(", ")}, got ${name ?? "nothing"}`);
    return 2;
  }
  if (Deno.version.deno !== PINNED_DENO) {
    const remedy = `Run: ${RUN_DENO} task ${name}`;
    new Progress().line(
      `Cannot run ${name}: expected Deno ${PINNED_DENO}, got ${Deno.version.deno}. ${remedy}`,
    );
    return 1;
  }
  try {
    return await command(args);
  } catch (error) {
    new Progress().line(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) {
  if (Deno.args[0] !== "fedx") Deno.chdir(ROOT);
  Deno.exit(await main(Deno.args));
}
