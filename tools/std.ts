/**
 * Where `@std` comes from: JSR when it can be reached (or is cached), else the stand-ins in src/shim/std.
 *
 * Why: Deno resolves the whole import map of deno.json before it runs anything, and ends when a `jsr:` entry cannot
 * be had; with `--import-map` it never asks. The map repeats the npm entries, so it is made from deno.json.
 */
import { fileURLToPath } from "node:url";
import { writeDurably } from "../src/files/durable.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const OUT = `${ROOT}native/build`;
const PROBE_MS = 2000;
/** How long “JSR is out of reach” is believed. */
const REMEMBER_MS = 3600_000;

/** Flags that every deno command which resolves imports is given, and one line that says why (or null). */
export interface Resolution {
  flags: string[];
  note: string | null;
}

interface Config {
  imports: Record<string, string>;
}

/** Finds out where `@std` comes from; writes what the flags name below native/build. */
export async function resolveStd(): Promise<Resolution> {
  await Deno.mkdir(OUT, { recursive: true });
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as Config;
  const flags = [`--config=${ROOT}deno.json`, `--lock=${await copyLock()}`];
  const map = `${OUT}/import_map.json`;
  if (await reachable(Object.values(imports).filter((target) => target.startsWith("jsr:")))) {
    await Deno.remove(map).catch(() => {});
    return { flags, note: null };
  }
  await replace(map, JSON.stringify(standIns(imports), null, 2) + "\n");
  return {
    flags: [`--import-map=${map}`, ...flags],
    note: "JSR is out of reach: @std comes from the stand-ins in src/shim/std",
  };
}

/** The import map of deno.json with `jsr:@std/x` replaced by our file; paths are relative to native/build. */
export function standIns(imports: Record<string, string>): Config {
  const map: Record<string, string> = {};
  for (const [name, target] of Object.entries(imports)) {
    map[name] = target.startsWith("jsr:@std/") ? `../../src/shim/std/${name.split("/")[1]}.ts` : target;
  }
  return { imports: map };
}

/** Asks Deno itself, so that its cache and settings count: a probe of at most 2 s. */
async function reachable(packages: string[]): Promise<boolean> {
  const memory = `${OUT}/jsr.json`;
  const remembered = await Deno.readTextFile(memory).then(JSON.parse).catch(() => null);
  if (remembered !== null && Date.now() - remembered.failed < REMEMBER_MS) return false;
  const probe = new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--no-config", "--no-lock", ...packages],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    env: { DENO_NO_UPDATE_CHECK: "1" },
  }).spawn();
  const timer = setTimeout(() => probe.kill("SIGKILL"), PROBE_MS);
  const { success } = await probe.status;
  clearTimeout(timer);
  if (!success) await replace(memory, JSON.stringify({ failed: Date.now() }));
  return success;
}

/**
 * The lock that commands use: a copy, since Deno adds what it resolves (JSR's entries, where it can be reached)
 * and the one in git stays as it is.
 */
async function copyLock(): Promise<string> {
  const [from, to] = [`${ROOT}deno.lock`, `${OUT}/deno.lock`];
  const time = async (path: string) => (await Deno.stat(path).catch(() => null))?.mtime?.getTime() ?? 0;
  const [source, copy] = [await time(from), await time(to)];
  if (source > 0 && source >= copy) await replace(to, await Deno.readTextFile(from));
  return to;
}

/** Writes a file whole or not at all: several tasks may run at once. */
const replace = (path: string, text: string) => writeDurably(path, text, { mode: 0o644 });
