/**
 * The archives for other machines: the one file, the shim's sources, the documents, a script that rebuilds the shim
 * against a PyTorch found there, and one that tries and measures it on a GPU. libtorch itself is not in them.
 *
 * Why always our own launcher's file: rebuild.ts must take it apart and pack it again.
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { exists } from "../src/files/exists.ts";
import { VERSION } from "../src/version.ts";
import { commitLine } from "./commit.ts";
import { packFile } from "./compile.ts";
import type { NativeBuild } from "./native.ts";
import { deno } from "./parts.ts";
import { copySources } from "./sources.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Programs of the archive by where they come from. */
const PROGRAMS = {
  "tools/rebuild.ts": "tools/rebuild.js",
  "tools/gpu/main.ts": "tools/gpu.js",
  "tools/gpu/machine.ts": "gpu/machine.js",
  "bench/gpu/real.ts": "gpu/real.js",
};
/** The tests for a GPU, which become one program. */
const TESTS = "tests/gpu";

/** Which archive to make. */
export interface BundleOptions {
  folder: string;
  /** Flags of resolveStd. */
  flags: string[];
  /** The engines that its one file carries; none, where it is only to be built on site. */
  shims: NativeBuild[];
  /** Its name, with version and machine after it. @default "fedx" */
  name?: string;
  /** Of xz: 6 is small, 1 is quick. @default 6 */
  level?: number;
}

/** Writes `NAME-VERSION-linux-x64.tar.xz` into `folder`; returns its path and size. */
export async function bundle(
  { name: first = "fedx", level = 6, ...options }: BundleOptions,
): Promise<{ path: string; bytes: number }> {
  const name = `${first}-${VERSION}-linux-x64`;
  const work = await Deno.makeTempDir({ prefix: "fedx-bundle-" });
  try {
    const tree = `${work}/${name}`;
    for (const folder of ["tools", "gpu"]) await Deno.mkdir(`${tree}/${folder}`, { recursive: true });
    await packFile({ ...options, out: `${tree}/fedx` });
    await copySources(tree);
    await makePrograms(tree, { work, flags: options.flags });
    await Deno.writeTextFile(`${tree}/commit`, `${await commitLine()}\n`);
    const path = `${options.folder}/${name}.tar.xz`;
    await archive(work, name, { path, level });
    return { path, bytes: (await Deno.stat(path)).size };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Each program as one file that needs no other. */
async function makePrograms(
  tree: string,
  { work, flags }: { work: string; flags: string[] },
): Promise<void> {
  const make = (from: string, to: string) =>
    deno(["bundle", "--quiet", ...flags, "--platform=deno", `--output=${tree}/${to}`, from]);
  for (const [from, to] of Object.entries(PROGRAMS)) {
    if (await exists(ROOT + from)) await make(ROOT + from, to);
  }
  const tests: string[] = [];
  if (await exists(ROOT + TESTS)) {
    for await (const { name } of Deno.readDir(ROOT + TESTS)) if (name.endsWith("_test.ts")) tests.push(name);
  }
  if (tests.length === 0) return;
  const urls = tests.sort().map((name) => pathToFileURL(`${ROOT}${TESTS}/${name}`).href);
  await Deno.writeTextFile(`${work}/right.ts`, urls.map((url) => `import "${url}";\n`).join(""));
  await make(`${work}/right.ts`, "gpu/right.js");
}

async function archive(
  work: string,
  name: string,
  { path, level }: { path: string; level: number },
): Promise<void> {
  const partial = `${path}.${Deno.pid}.partial`;
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"];
  const { success, stderr } = await new Deno.Command("tar", {
    args: ["--create", "--xz", ...owner, `--file=${partial}`, `--directory=${work}`, name],
    env: { XZ_OPT: `-${level} -T0` },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return await Deno.rename(partial, path);
  await Deno.remove(partial).catch(() => {});
  const why = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot write ${path}: tar failed; it needs xz (Debian: apt install xz-utils)\n${why}`);
}
