import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { commitLine } from "../../tools/commit.ts";
import { copySources } from "../../tools/sources.ts";
import { inFolder } from "../testing/folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

async function git(folder: string, ...args: string[]): Promise<string> {
  const who = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
  const { success, stdout } = await new Deno.Command("git", { args: ["-C", folder, ...who, ...args] })
    .output();
  assert(success, args.join(" "));
  return new TextDecoder().decode(stdout);
}

/** The paths that a clone has changed, new ones included. */
async function changedIn(folder: string): Promise<string[]> {
  const lines = (await git(folder, "status", "--porcelain", "--untracked-files=all", "--no-renames")).split(
    "\n",
  );
  return lines.filter(Boolean).map((line) => line.slice(3));
}

/** What the commit has: the hash of each file. */
async function committed(folder: string): Promise<Map<string, string>> {
  const lines = (await git(folder, "ls-tree", "-r", "-z", "HEAD")).split("\0").filter(Boolean);
  return new Map(lines.map((line) => {
    const [about, path] = line.split("\t");
    return [path, about.split(" ")[2]];
  }));
}

Deno.test("an archive's sources are those of the commit, byte for byte, but for the files that it says are changed", () =>
  inFolder(async (folder) => {
    const copies = [...await copySources(folder)];
    const paths = copies.map(([to]) => `${folder}/${to}`);
    const hashes = (await git(ROOT, "hash-object", "--no-filters", ...paths)).trim().split("\n");
    const commit = await committed(ROOT), changed = await changedIn(ROOT);
    const differ = copies.filter(([, from], at) => commit.get(from) !== hashes[at]).map(([, from]) => from);
    assertEquals(differ.filter((path) => !changed.includes(path)), []);
    for (const path of ["native/fedx.h", "native/device/cuda.cpp", "gpu.sh", "rebuild.sh", "docs/gpu.md"]) {
      assert(copies.some(([to]) => to === path), path);
    }
    for (const path of commit.keys()) {
      const source = /^native\/(?!launcher|tests)|^docs\/|^bench\/gpu\/.*\.py$/.test(path);
      if (source) assert(copies.some(([, from]) => from === path) || changed.includes(path), path);
    }
    const head = (await git(ROOT, "rev-parse", "HEAD")).trim();
    const more = changed.length === 0 ? "" : ` + ${changed.length} changed files`;
    assertEquals(await commitLine(), head + more);
  }));

Deno.test("a changed tree says so, and so does one outside of git", () =>
  inFolder(async (folder) => {
    assertEquals(await commitLine(folder), "no commit: packed outside of git");
    await git(folder, "init", "--quiet");
    await Deno.writeTextFile(`${folder}/a`, "a\n");
    await git(folder, "add", "a");
    await git(folder, "commit", "--quiet", "-m", "a");
    assertMatch(await commitLine(folder), /^[0-9a-f]{40}$/);
    await Deno.writeTextFile(`${folder}/a`, "b\n");
    await Deno.mkdir(`${folder}/new`);
    for (const name of ["b", "c"]) await Deno.writeTextFile(`${folder}/new/${name}`, "");
    assertMatch(await commitLine(folder), /^[0-9a-f]{40} \+ 3 changed files$/);
  }));
