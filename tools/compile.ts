/**
 * Makes the one file `fedx`, which needs nothing else of the clone.
 *
 * `deno compile --self-extracting` is tried first. It needs `denort`, which Deno fetches and closed networks cannot;
 * then the same file is made from our own launcher (native/launcher). What deno compile made is started once: a file
 * that does not answer `--version` is not handed out.
 */
import { fileURLToPath } from "node:url";
import { TORCH_VERSION } from "../src/shim/libtorch/find.ts";
import type { NativeBuild } from "./native.ts";
import { pack } from "./pack.ts";
import { gatherParts, shimParts } from "./parts.ts";
import { COMPILED, PERMISSIONS } from "./permissions.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** How long `deno compile` may take: most of it is the fetch of denort, which some firewalls leave unanswered. */
const COMPILE_MS = 180_000;

/** What to compile. */
export interface CompileOptions {
  /** The file to write. */
  out: string;
  /** Flags of resolveStd. */
  flags: string[];
  /** One for each kind of libtorch that the file is to run with. */
  shims: NativeBuild[];
}

/** Makes the one file in whichever way works here; `onLine` hears why it is not deno compile. */
export async function compile(
  options: CompileOptions & { onLine: (line: string) => void },
): Promise<{ bytes: number }> {
  const refusal = await denoCompile(options);
  if (refusal === null) return { bytes: (await Deno.stat(options.out)).size };
  options.onLine(`${refusal}: the one file is built with fedx's own launcher instead`);
  return await packFile(options);
}

/** The one file from our launcher. */
export async function packFile(
  { out, flags, shims }: CompileOptions,
): Promise<{ bytes: number; build: string }> {
  const work = await Deno.makeTempDir({ prefix: "fedx-compile-" });
  try {
    const launcher = await buildLauncher(`${work}/launcher`);
    const parts = await gatherParts({ flags, shims, work });
    return await pack({ out, launcher, parts, torch: TORCH_VERSION, roles: PERMISSIONS });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Compiles native/launcher into one static program, so that it starts on any x86-64 Linux and can say what it lacks. */
export async function buildLauncher(out: string): Promise<Uint8Array> {
  const folder = `${ROOT}native/launcher`;
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (name.endsWith(".c")) names.push(name);
  const sources = names.sort().map((name) => `${folder}/${name}`);
  const flags = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion"];
  const { success, stderr } = await new Deno.Command("gcc", {
    args: [...flags, "-static", "-s", "-o", out, ...sources],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return await Deno.readFile(out);
  const remedy = "it needs the static C library (Debian: libc6-dev; Fedora: glibc-static)";
  throw new Error(
    `Cannot build the launcher: gcc failed; ${remedy}\n${new TextDecoder().decode(stderr).trim()}`,
  );
}

/** Null when deno compile made a file that runs, else the reason in a few words. */
async function denoCompile({ out, flags, shims }: CompileOptions): Promise<string | null> {
  const work = `${out}.${Deno.pid}.partial`; // a folder: the file carries its own name, and unpacks beside itself
  await Deno.mkdir(work);
  try {
    const file = `${work}/fedx`;
    const options = ["--self-extracting", "--quiet", "--no-prompt", ...COMPILED, ...flags];
    const sources = [...shimParts(shims).map(({ source }) => source), `${ROOT}src/data/dicom/worker.ts`];
    const included = sources.map((source) => `--include=${source}`);
    const args = ["compile", ...options, ...included, `--output=${file}`, `${ROOT}src/cli/main.ts`];
    const compiled = await ended(Deno.execPath(), args, COMPILE_MS);
    if (!compiled.success) return reasonOf(compiled.stderr);
    const started = await ended(file, ["--version"], 30_000);
    if (!started.success || !started.stdout.startsWith("fedx ")) {
      return "what deno compile made does not run here";
    }
    await Deno.rename(file, out);
    return null;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Why deno compile failed; anything but an unreachable denort is an error of ours. */
export function reasonOf(stderr: string): string {
  if (stderr === "") return "deno compile did not end in time";
  if (/denort|base binary/i.test(stderr)) return "denort cannot be fetched";
  throw new Error(`Cannot compile: deno compile failed\n${stderr}`);
}

/** Runs a program to its end or for at most `ms`. */
async function ended(
  program: string,
  args: string[],
  ms: number,
): Promise<{ success: boolean; stdout: string; stderr: string }> {
  const child = new Deno.Command(program, {
    args,
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), ms);
  const { success, signal, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { success, stdout: decode(stdout), stderr: signal === "SIGKILL" ? "" : decode(stderr) };
}
