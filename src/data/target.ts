/**
 * The folder beside a shard's target where it is built, and how the finished shard takes the target's place.
 *
 * Why one locked folder, `NAME.partial`: the system drops a killed run's lock, so the next run of the same target
 * knows what is left over, and may go on from it, from what is in use; two runs never build the same shard.
 */

import { resolve } from "node:path";
import { isTaken } from "../files/exists.ts";
import { named, syncFolder } from "../files/durable.ts";
import { parseManifest, SHARD_FILES } from "./manifest.ts";

/** Where a shard shall be and what must not be lost to it. */
export interface TargetOptions {
  /** Replace a shard or an empty folder. */
  force: boolean;
  /** Files and folders that the target may neither be nor contain, by the flag that names each. */
  sources: Record<string, string>;
  /** The option that names the target, for the texts of errors. @default "--out" */
  flag?: string;
}

/**
 * A claimed target. Leaving it (`await using`) removes what was built unless it is in its place by then, or there is a
 * journal by which the next run goes on.
 */
export class Target implements AsyncDisposable {
  /** The folder to build in, for its owner and group only: empty, or as a killed run left it. */
  readonly dir: string;
  /** Where the builder keeps what tells how far it came. */
  readonly journal: string;
  /** Where the rows that were left out are listed: beside the shard. */
  readonly quarantine: string;
  #out: string;
  #path: string;
  #work: string;
  #options: TargetOptions;
  #lock: Deno.FsFile;
  #done = false;

  private constructor(out: string, at: { path: string; options: TargetOptions; lock: Deno.FsFile }) {
    this.#out = out;
    this.#path = at.path;
    this.#work = workOf(at.path);
    this.#options = at.options;
    this.#lock = at.lock;
    this.dir = `${this.#work}/new`;
    this.journal = `${this.#work}/journal`;
    this.quarantine = quarantineOf(at.path);
  }

  /**
   * Whether something is in the place `out`, or was until a run was killed that had just moved it: then claiming the
   * place puts it back.
   */
  static async isThere(out: string): Promise<boolean> {
    return await isTaken(out) || await isTaken(`${workOf(await placeOf(out))}/old`);
  }

  /**
   * Claims `out`.
   *
   * @throws {Error} when `out` may not be replaced, covers a source, or another run is building it
   */
  static async claim(out: string, options: TargetOptions): Promise<Target> {
    const path = await placeOf(out);
    await checkApart(out, path, options.sources);
    await checkReplaceable(out, path, options);
    await Deno.mkdir(parentOf(path), { recursive: true });
    const target = new Target(out, { path, options, lock: await lockFolder(workOf(path), out, options) });
    try {
      await target.#settleOld();
      await checkReplaceable(out, path, options);
      await Deno.mkdir(target.dir, { recursive: true, mode: 0o750 });
      return target;
    } catch (error) {
      await target[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Moves the finished folder to its target; an old shard goes only when the new one stands in its place.
   *
   * @param faultPoint awaited at named moments @default none
   */
  async place(faultPoint?: (name: string) => void | Promise<void>): Promise<void> {
    await checkReplaceable(this.#out, this.#path, this.#options);
    await syncFolder(this.dir);
    const old = `${this.#work}/old`;
    const replaced = await isTaken(this.#path);
    if (replaced) await Deno.rename(this.#path, old);
    await faultPoint?.("moved");
    try {
      await Deno.rename(this.dir, this.#path);
    } catch (error) {
      if (replaced) await Deno.rename(old, this.#path);
      throw error;
    }
    this.#done = true;
    for (const folder of [this.#work, parentOf(this.#path)]) await syncFolder(folder);
    await faultPoint?.("placed");
  }

  /** Removes the shard that was replaced, if one was. @throws {Error} when some of it stays */
  async removeOld(): Promise<void> {
    await removeAll(`${this.#work}/old`);
  }

  /** Writes the list of rows that were left out, for its owner and group only; `null` = there is none. */
  async list(csv: string | null): Promise<void> {
    if (csv === null) return await removeAll(this.quarantine);
    const path = `${this.#work}/quarantine.csv`;
    await Deno.writeTextFile(path, csv, { mode: 0o640 });
    await Deno.rename(path, this.quarantine);
  }

  /** Whether there is a shard, or an empty folder, in the target's place. */
  async replaces(): Promise<boolean> {
    return await isTaken(this.#path);
  }

  /** Where the unfinished shard is. */
  get folder(): string {
    return this.#work;
  }

  /** There is nothing that a next run could go on from. */
  discard(): void {
    this.#done = true;
  }

  /** An old shard whose successor never came goes back to its place. */
  async #settleOld(): Promise<void> {
    const old = `${this.#work}/old`;
    if (await isTaken(old) && !await isTaken(this.#path)) await Deno.rename(old, this.#path);
    await removeAll(old);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _lock = this.#lock;
    await this.#settleOld().catch(() => {});
    if (this.#done || !await isTaken(this.journal)) {
      for (const path of [this.dir, this.journal]) await removeAll(path).catch(() => {});
    }
    await Deno.remove(`${this.#work}/lock`).catch(() => {});
    await Deno.remove(this.#work).catch(() => {});
  }
}

async function removeAll(path: string): Promise<void> {
  if (await isTaken(path)) await Deno.remove(path, { recursive: true });
}

/** Where `out` leads; a link whose end a killed run had just moved aside leads there still. */
async function placeOf(out: string): Promise<string> {
  const real = await Deno.realPath(out).catch(() => null);
  if (real !== null) return real;
  const aim = resolve(out, "..", await Deno.readLink(out).catch(() => resolve(out)));
  return await isTaken(`${workOf(aim)}/old`) ? aim : resolve(out);
}

function workOf(path: string): string {
  return `${path}.partial`;
}

function quarantineOf(path: string): string {
  return `${path}.quarantine.csv`;
}

function parentOf(path: string): string {
  return resolve(path, "..");
}

/** @throws {Error} when what is written is a source or a folder around one, symbolic links followed */
async function checkApart(out: string, path: string, sources: Record<string, string>): Promise<void> {
  for (const [flag, source] of Object.entries(sources)) {
    const real = await Deno.realPath(source).catch(() => resolve(source));
    const written = [path, workOf(path), quarantineOf(path)];
    if (written.every((place) => real !== place && !real.startsWith(`${place}/`))) continue;
    throw new Error(
      `Cannot make shard ${out}: expected a folder apart from ${flag}, got one that is or contains ${source}; ` +
        "name another folder with --out",
    );
  }
}

/** @throws {Error} unless nothing is there or, with `force`, an empty folder or a shard and nothing else */
async function checkReplaceable(
  out: string,
  path: string,
  { force, flag = "--out" }: TargetOptions,
): Promise<void> {
  if (!await isTaken(path)) return;
  if (!force) {
    throw new Error(
      `Cannot make shard ${out}: it exists; name another folder with --out or replace it with --force`,
    );
  }
  if (await isEmptyOrShard(path)) return;
  throw new Error(
    `Cannot replace ${out}: expected an empty folder or a shard, got something else; ` +
      `name another folder with ${flag}, or remove what is no part of a shard yourself`,
  );
}

async function isEmptyOrShard(path: string): Promise<boolean> {
  try {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(path)) names.push(name);
    if (names.length === 0) return true;
    parseManifest(await Deno.readTextFile(`${path}/manifest.json`), path);
    return names.every((name) => SHARD_FILES.includes(name));
  } catch {
    return false;
  }
}

/** Makes the folder and locks the file `lock` in it until the handle closes. @throws {Error} when another run has it */
async function lockFolder(
  folder: string,
  out: string,
  { flag = "--out" }: TargetOptions,
): Promise<Deno.FsFile> {
  const path = `${folder}/lock`;
  for (;;) {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await Deno.open(path, { write: true, create: true, mode: 0o600 }).catch(ifNotFound);
    if (file === null) continue;
    const locked = await file.tryLock(true).catch(async (error) => {
      file.close();
      await Deno.remove(path);
      await Deno.remove(folder).catch(() => {}); // a killed run's films may be in it
      throw named(error, folder);
    });
    if (!locked) {
      file.close();
      throw new Error(
        `Cannot make shard ${out}: another \`fedx prepare\` is making it, or \`fedx forget\`; wait for its end or name another ${flag}`,
      );
    }
    // A run that ended just now may have removed the file in between: then this handle locks a file without a name.
    const [held, there] = [await file.stat(), await Deno.stat(path).catch(ifNotFound)];
    if (held.ino === there?.ino) return file;
    file.close();
  }
}

function ifNotFound(error: unknown): null {
  if (error instanceof Deno.errors.NotFound) return null;
  throw error;
}
