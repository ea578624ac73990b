/**
 * What the one file carries: the runtime, the program as a bundle, the shim, sharp's native folders, and the wasm
 * files of packages. Each lies where the clone has it, so that modules find it alike.
 */
import { fileURLToPath } from "node:url";
import { aboutShim } from "../src/shim/libtorch/flavour.ts";
import type { NativeBuild } from "./native.ts";
import type { Part } from "./pack.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
/** The program. Not mod.ts, which loads all parts of the library: a start loads what its command uses. */
const ENTRY = `${ROOT}src/cli/main.ts`;

/** sharp for glibc; `deno install` would bring the musl twins as well. */
const SHARP = ["@img/sharp-linux-x64", "@img/sharp-libvips-linux-x64"];
/** The worker that decodes DICOM: a program of its own, in one piece, under the name that its pool looks for. */
const WORKER = { entry: `${ROOT}src/data/dicom/worker.ts`, name: "dicom_worker.js" };
/** Files that packages read at run time. */
const WASM = [
  { name: "@tensorflow/tfjs-backend-wasm", file: "dist/tfjs-backend-wasm-simd.wasm" },
  { name: "dcmjs-codecs", file: "build/dcmjs-native-codecs.wasm" },
  { name: "@cornerstonejs/codec-charls", file: "dist/charlswasm_decode.wasm" },
  { name: "@cornerstonejs/codec-openjpeg", file: "dist/openjpegwasm_decode.wasm" },
];

/** Where the one file's parts come from. */
export interface PartsOptions {
  /** Flags of resolveStd. */
  flags: string[];
  shims: NativeBuild[];
  /** Folder for what is made on the way. */
  work: string;
}

/** Makes the bundle and lists all parts. */
export async function gatherParts({ flags, shims, work }: PartsOptions): Promise<Part[]> {
  return [
    { path: "fedx-runtime", mode: 0o755, source: await Deno.realPath(Deno.execPath()) },
    ...await bundleParts(flags, `${work}/bundle`),
    ...shimParts(shims),
    ...await packageParts(flags),
  ];
}

/** main.js and its pieces. In pieces, so that a start loads no module that its command does not use. */
async function bundleParts(flags: string[], folder: string): Promise<Part[]> {
  const shape = ["--platform=deno", "--code-splitting", `--outdir=${folder}`];
  await deno(["bundle", "--quiet", ...flags, ...shape, ENTRY]);
  const worker = ["--platform=deno", `--output=${folder}/${WORKER.name}`, WORKER.entry];
  await deno(["bundle", "--quiet", ...flags, ...worker]);
  const paths = await filesBelow(folder);
  return paths.map((path) => ({ path: `src/cli/${path}`, mode: 0o644, source: `${folder}/${path}` }));
}

/** Shims, and beside each what `--version` says about it. */
export function shimParts(shims: NativeBuild[]): Part[] {
  return shims.flatMap(({ path }) => [path, aboutShim(path)]).map((source) => ({
    path: `native/build/${source.split("/").at(-1)}`,
    mode: 0o644,
    source,
  }));
}

interface NpmPackage {
  name: string;
  version: string;
  localPath: string;
}

/** Native files of npm packages, from Deno's own cache. */
async function packageParts(flags: string[]): Promise<Part[]> {
  await deno(["cache", "--quiet", ...flags, ENTRY]);
  const text = await deno(["info", "--json", ...flags, ENTRY]);
  const { npmPackages } = JSON.parse(text) as { npmPackages: Record<string, NpmPackage> };
  const all = Object.values(npmPackages);
  const folderOf = (name: string) => {
    const found = all.find((one) => one.name === name);
    if (found !== undefined) return found.localPath;
    throw new Error(`Cannot pack: expected the package ${name} in Deno's cache, got none`);
  };
  const parts: Part[] = [];
  for (const name of SHARP) {
    const folder = folderOf(name);
    for (const path of await filesBelow(folder)) {
      parts.push({ path: `node_modules/${name}/${path}`, mode: 0o644, source: `${folder}/${path}` });
    }
  }
  for (const { name, file } of WASM) {
    parts.push({ path: `src/cli/${file.split("/")[1]}`, mode: 0o644, source: `${folderOf(name)}/${file}` });
  }
  return parts;
}

/** Paths of all files below a folder, sorted; Deno's own mark of a cached package is left out. */
async function filesBelow(folder: string, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory) paths.push(...await filesBelow(`${folder}/${entry.name}`, `${path}/`));
    else if (!entry.name.startsWith(".")) paths.push(path);
  }
  return paths.sort();
}

/** Runs this Deno; returns its stdout. */
export async function deno(args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  const why = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot run deno ${args[0]}: it failed\n${why}`);
}
