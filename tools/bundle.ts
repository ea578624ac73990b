/**
 * The archive for closed networks: the one file, the shim's sources, the documents, and a script that rebuilds the shim
 * against a PyTorch found there. libtorch itself is not in it.
 *
 * Why always our own launcher's file: rebuild.ts must take it apart and pack it again.
 */
import { fileURLToPath } from "node:url";
import { VERSION } from "../src/version.ts";
import { packFile } from "./compile.ts";
import type { NativeBuild } from "./native.ts";
import { deno } from "./parts.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Copied as they are; README and the pages of docs/ link to each other and to LICENSE alone. */
const DOCUMENTS = ["README.md", "LICENSE"];
/** In native/ what is no source of the shim: what is built there, the launcher and the tests. */
const NOT_SOURCES = ["build", "launcher", "tests"];

/** Writes `fedx-VERSION-linux-x64.tar.xz` into `folder`; returns its path and size. */
export async function bundle(
  options: { folder: string; flags: string[]; shims: NativeBuild[] },
): Promise<{ path: string; bytes: number }> {
  const name = `fedx-${VERSION}-linux-x64`;
  const work = await Deno.makeTempDir({ prefix: "fedx-bundle-" });
  try {
    const tree = `${work}/${name}`;
    await Deno.mkdir(`${tree}/tools`, { recursive: true });
    await packFile({ ...options, out: `${tree}/fedx` });
    await copyFolder(`${ROOT}native`, `${tree}/native`, NOT_SOURCES);
    const script = `--output=${tree}/tools/rebuild.js`;
    await deno(["bundle", "--quiet", ...options.flags, "--platform=deno", script, `${ROOT}tools/rebuild.ts`]);
    await Deno.copyFile(`${ROOT}tools/rebuild.sh`, `${tree}/rebuild.sh`);
    await copyFolder(`${ROOT}docs`, `${tree}/docs`);
    for (const file of DOCUMENTS) await Deno.copyFile(`${ROOT}${file}`, `${tree}/${file}`);
    const path = `${options.folder}/${name}.tar.xz`;
    await archive(work, name, path);
    return { path, bytes: (await Deno.stat(path)).size };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Copies a folder with all that is in it but folders of these names. */
async function copyFolder(from: string, to: string, without: readonly string[] = []): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isFile } of Deno.readDir(from)) {
    if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
    else if (!without.includes(name)) await copyFolder(`${from}/${name}`, `${to}/${name}`, without);
  }
}

async function archive(work: string, name: string, path: string): Promise<void> {
  const partial = `${path}.${Deno.pid}.partial`;
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"];
  const { success, stderr } = await new Deno.Command("tar", {
    args: ["--create", "--xz", ...owner, `--file=${partial}`, `--directory=${work}`, name],
    env: { XZ_OPT: "-6 -T0" },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return await Deno.rename(partial, path);
  await Deno.remove(partial).catch(() => {});
  const why = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot write ${path}: tar failed; it needs xz (Debian: apt install xz-utils)\n${why}`);
}
