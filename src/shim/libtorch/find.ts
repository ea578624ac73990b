/**
 * Where libtorch lies on this machine: FEDX_LIBTORCH, else the project's cache (fetch.ts fills it), else
 * a `torch` that is installed for python3. Opens no library. What was used last is remembered in one line, so that
 * `fedx --version` can name it without starting python3.
 */
import { writeDurably } from "../../files/durable.ts";
import { exists, readTextIfThere } from "../../files/exists.ts";
import { refusal } from "../../refusal.ts";
import { runPython } from "./python.ts";

/** The version that is fetched, and that the golden values were made with. */
export const TORCH_VERSION = "2.13.0";

/** A libtorch that can be opened: `dir` holds lib/ and, where `headers` is true, include/. */
export interface Libtorch {
  dir: string;
  /** As in torch/version.py, such as "2.13.0+cu130". */
  version: string;
  source: "FEDX_LIBTORCH" | "cache" | "python3";
  headers: boolean;
}

/** Folder of everything that fedx fetches: `$XDG_CACHE_HOME/fedx`, else `~/.cache/fedx`. */
export function cacheDir(): string {
  const home = Deno.env.get("HOME");
  const base = Deno.env.get("XDG_CACHE_HOME") || (home ? `${home}/.cache` : undefined);
  if (base === undefined) {
    throw new Error(
      "Cannot find the cache folder: expected HOME or XDG_CACHE_HOME in the environment, got none",
    );
  }
  return `${base}/fedx`;
}

/** The same folder, or null where the environment names none: then nothing is cached. */
function optionalCacheDir(): string | null {
  return Deno.env.get("XDG_CACHE_HOME") || Deno.env.get("HOME") ? cacheDir() : null;
}

/** Remembers which libtorch is used; a cache that cannot be written remembers nothing. */
export async function rememberLibtorch({ dir, version, source }: Libtorch): Promise<void> {
  const cache = optionalCacheDir();
  const line = JSON.stringify({ dir, version, source });
  if (cache === null || await lastLine(cache) === line) return;
  try {
    await Deno.mkdir(cache, { recursive: true });
    await writeDurably(`${cache}/libtorch-last.json`, line, { mode: 0o644 });
  } catch {
    // looked up anew the next time
  }
}

async function lastLine(cache: string): Promise<string> {
  return await Deno.readTextFile(`${cache}/libtorch-last.json`).catch(() => "");
}

/** The libtorch that FEDX_LIBTORCH names, else the one used last if it is still there; starts no Python. */
export async function lastLibtorch(): Promise<Libtorch | null> {
  const named = Deno.env.get("FEDX_LIBTORCH");
  if (named) return await inspect(named, "FEDX_LIBTORCH");
  const cache = optionalCacheDir();
  if (cache === null) return null;
  try {
    const { dir, source } = JSON.parse(await lastLine(cache));
    return await inspect(String(dir), source);
  } catch {
    return await inspect(`${cache}/libtorch/${TORCH_VERSION}`, "cache");
  }
}

/** The oldest and newest minor version of PyTorch 2 that the shim is written for. */
export const MINOR = { oldest: 11, newest: 13 } as const;
/** Those versions in words. */
export const VERSIONS = `PyTorch 2.${MINOR.oldest} to 2.${MINOR.newest}`;

/** True for the versions that the shim builds against. */
export function fits(version: string): boolean {
  const [, minor] = /^2\.(\d+)\./.exec(version) ?? [];
  return minor !== undefined && Number(minor) >= MINOR.oldest && Number(minor) <= MINOR.newest;
}

/**
 * Finds libtorch without fetching anything; null when there is none.
 *
 * @param options.headers look only for one that a shim can be built against @default false
 * @throws Error when FEDX_LIBTORCH is set and cannot be used
 */
export async function findLibtorch(options: { headers?: boolean } = {}): Promise<Libtorch | null> {
  const named = Deno.env.get("FEDX_LIBTORCH");
  if (named) return await inspectNamed(named, options.headers ?? false);
  const usable = (found: Libtorch | null) =>
    found !== null && fits(found.version) && (found.headers || !options.headers) ? found : null;
  const cache = optionalCacheDir();
  const cached = cache && usable(await inspect(`${cache}/libtorch/${TORCH_VERSION}`, "cache"));
  if (cached) return cached;
  const dir = await pythonTorch();
  return dir === null ? null : usable(await inspect(dir, "python3"));
}

async function inspectNamed(dir: string, headers: boolean): Promise<Libtorch> {
  const found = await inspect(dir, "FEDX_LIBTORCH");
  const refuse = (expected: string, got: string, remedy = `unset it to fetch ${TORCH_VERSION}`) =>
    refusal(Error, { what: `Cannot use FEDX_LIBTORCH=${dir}`, expected, got, remedy });
  if (found === null) {
    throw refuse("lib/libtorch_cpu.so in it", "none", "name the folder that holds lib/");
  }
  if (!fits(found.version)) {
    throw refuse(VERSIONS, found.version);
  }
  if (headers && !found.headers) throw refuse("include/torch/csrc/api in it", "none");
  return found;
}

/** What lies in a folder; null when it holds no libtorch. */
export async function inspect(dir: string, source: Libtorch["source"]): Promise<Libtorch | null> {
  if (!await exists(`${dir}/lib/libtorch_cpu.so`)) return null;
  const version = await readVersion(dir);
  return { dir, source, version, headers: await exists(`${dir}/include/torch/csrc/api`) };
}

/** The CUDA that a wheel's libtorch was built with, such as "13.0"; undefined for none. */
export async function cudaVersion(dir: string): Promise<string | undefined> {
  return /^cuda: Optional\[str\] = '([\d.]+)'/m.exec(await textOf(`${dir}/version.py`))?.[1];
}

/** What a wheel's version.py says; "unknown" without one, as in an archive of libtorch alone, which no engine is built for. */
export async function readVersion(dir: string): Promise<string> {
  const text = await textOf(`${dir}/version.py`);
  const [, version] = /^__version__ = ['"]([^'"]+)['"]/m.exec(text) ?? [];
  return version ?? "unknown";
}

const textOf = async (path: string) => await readTextIfThere(path) ?? "";

/**
 * Prints the folder of the first torch in python3's site directories, in the order in which it looks through them;
 * fails where there is none. native/launcher/python.c has the same text.
 */
const FIND_TORCH = "import os, site; " +
  "dirs = ([site.getusersitepackages()] if site.ENABLE_USER_SITE else []) + site.getsitepackages(); " +
  "print(next(d for d in dirs if os.path.isfile(d + '/torch/lib/libtorch_cpu.so')) + '/torch')";

/**
 * The folder of python3's torch, found without importing it; null when there is none.
 *
 * Why site directories alone: what is found is opened as a program, so it must be something that was installed. A
 * folder named `torch` in the working folder or on PYTHONPATH may be anything.
 */
async function pythonTorch(): Promise<string | null> {
  try {
    const { code, stdout } = await runPython(["-c", FIND_TORCH]);
    return code === 0 && stdout.startsWith("/") ? stdout : null;
  } catch (error) {
    if (error instanceof Error && error.cause instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
