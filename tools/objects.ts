/**
 * How native/ becomes machine code: sources → objects with g++ → a library or a program.
 *
 * Why no cmake: it would be one more thing to install, and some twenty files need no build system. An object is named
 * by the hash of everything it is made from, so builds are incremental, and two builds at once cannot harm each other.
 */
import { fileURLToPath } from "node:url";
import { createHash } from "node:crypto";
import { exists } from "../src/files/exists.ts";
import { compilersAtOnce } from "./compiler.ts";

/** Sources lie here, and what is built in `OUT`. */
export const ROOT: string = fileURLToPath(new URL("../native/", import.meta.url));
export const OUT = `${ROOT}build`;

/** One source file and what becomes of it. */
export interface Unit {
  /** From native/, without its ending, such as "engine/model". */
  name: string;
  object: string;
  /** The whole compiler command. */
  command: string[];
}

/** What to call when an object is done. */
export type OnProgress = (event: { done: number; total: number; file: string }) => void;

/** A short hash of texts; where one ends and the next begins matters. */
export function hash(...parts: string[]): string {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(`${part.length}:${part}`);
  return sum.digest("hex").slice(0, 16);
}

/** Names of the `.cpp` files of a room, such as "engine/model". */
export async function sourcesOf(room: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(ROOT + room)) {
    if (name.endsWith(".cpp")) names.push(`${room}/${name.slice(0, -4)}`);
  }
  return names.sort();
}

/**
 * The files that `path` includes with quotes, as paths from native/. As for the compiler, a name is looked for beside
 * the file, then from native/.
 */
export async function includesOf(path: string): Promise<string[]> {
  const beside = path.slice(0, path.lastIndexOf("/") + 1);
  const text = await Deno.readTextFile(ROOT + path);
  const names = [...text.matchAll(/^#include "([^"]+)"/gm)].map(([, name]) => name);
  return await Promise.all(
    names.map(async (name) => await exists(ROOT + beside + name) ? beside + name : name),
  );
}

/** A hash of a source and of all that it includes, whatever includes what. */
export async function hashOf(name: string): Promise<string> {
  const found = new Set([`${name}.cpp`]);
  for (const path of found) for (const included of await includesOf(path)) found.add(included);
  const paths = [...found].sort();
  return hash(...paths, ...await Promise.all(paths.map((path) => Deno.readTextFile(ROOT + path))));
}

/** Compiles what is not there yet, then links all of it into `path` with `flags`. */
export async function build(
  units: Unit[],
  { path, flags, onProgress }: { path: string; flags: string[]; onProgress?: OnProgress },
): Promise<void> {
  await Deno.mkdir(`${OUT}/objects`, { recursive: true });
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await writeCompileCommands(units);
  await compile(units, onProgress);
  await produce(path, ["g++", ...units.map((unit) => unit.object), ...flags], `link ${path}`);
  await removeOld(units);
}

async function compile(units: Unit[], onProgress?: OnProgress): Promise<void> {
  const waiting: Unit[] = [];
  for (const unit of units) if (!await exists(unit.object)) waiting.push(unit);
  const total = waiting.length;
  let done = 0;
  const worker = async () => {
    for (let unit = waiting.shift(); unit; unit = waiting.shift()) {
      await produce(unit.object, unit.command, `compile native/${unit.name}.cpp`);
      onProgress?.({ done: ++done, total, file: `${unit.name}.cpp` });
    }
  };
  await Promise.all(Array.from({ length: await compilersAtOnce() }, worker));
}

/** Runs a command that writes to a path of its own, then renames: readers never see half a file. */
async function produce(path: string, command: string[], doing: string): Promise<void> {
  const partial = `${path}.${Deno.pid}.partial`;
  await run([...command, "-o", partial], doing);
  await Deno.rename(partial, path);
}

async function run(command: string[], doing: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(command[0], {
    args: command.slice(1),
    stdout: "null",
    stderr: "piped",
  })
    .output();
  const text = new TextDecoder().decode(stderr).trim();
  if (!success) throw new Error(`Cannot ${doing}: g++ failed\n${text}`);
  if (text) console.error(text);
}

/** For editors (clangd) and linters. */
async function writeCompileCommands(units: Unit[]): Promise<void> {
  const entries = units.map(({ name, command }) => ({
    directory: ROOT,
    file: `${ROOT}${name}.cpp`,
    arguments: command,
  }));
  await Deno.writeTextFile(`${OUT}/compile_commands.json`, JSON.stringify(entries, null, 2));
}

/** Objects that no build has used for a day go. */
async function removeOld(units: Unit[]): Promise<void> {
  const used = new Set(units.map((unit) => unit.object));
  const limit = Date.now() - 86_400_000;
  for await (const entry of Deno.readDir(`${OUT}/objects`)) {
    const path = `${OUT}/objects/${entry.name}`;
    const info = await Deno.stat(path).catch(() => null);
    if (!used.has(path) && (info?.mtime?.getTime() ?? limit) < limit) await Deno.remove(path).catch(() => {});
  }
}
