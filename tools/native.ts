/** What is built from native/: the shim (a shared library) for either flavour of libtorch, and the native tests (a program). */
import { exists } from "../src/files/exists.ts";
import { aboutShim, type Flavour, flavourOf, shimFile } from "../src/shim/libtorch/flavour.ts";
import { readVersion } from "../src/shim/libtorch/find.ts";
import { compilerVersion } from "./compiler.ts";
import { cudaOf, cudaParts } from "./cuda.ts";
import { build, hash, hashOf, type OnProgress, OUT, ROOT, sourcesOf, type Unit } from "./objects.ts";

/** Which libtorch to build against: `dir` holds lib/, include/ and version.py. */
export interface NativeOptions {
  libtorch: string;
  onProgress?: OnProgress;
}

/** What a build did. */
export interface NativeBuild {
  path: string;
  /** False when everything was up to date. */
  built: boolean;
  seconds: number;
  /** What fedx_build calls it: a hash of sources, flags, compiler and libtorch's version. */
  build: string;
}

/** Of the shim's rooms, the one source that only the GPU build has. */
const CUDA = "device/cuda";
/** The one source that knows what the build is called. */
const ABI = "fedx";

/** -fopenmp everywhere: at::parallel_for is silently serial without it. */
const FLAGS = [
  "-std=c++20",
  "-fPIC",
  "-fopenmp",
  "-fvisibility=hidden",
  "-fno-math-errno",
  "-DAT_PER_OPERATOR_HEADERS",
  "-Wall",
  "-Wextra",
  "-Wno-unused-parameter",
];
const PLAIN = [...FLAGS, "-O2"];
const SANITIZED = [
  ...FLAGS,
  "-O1",
  "-g",
  "-fsanitize=address,undefined",
  "-fno-sanitize-recover=all",
  "-fno-omit-frame-pointer",
];
/** A shim beside the wrong libtorch must fail when it is opened, not at its first call. */
const LINK = ["-Wl,-z,now", "-Wl,-z,defs"];

/** Which shim to build, and where to. */
export interface ShimOptions extends NativeOptions {
  /** @default what this machine runs: flavourOf(libtorch) */
  flavour?: Flavour;
  /** @default "native/build/libfedx-FLAVOUR.so" */
  path?: string;
  /** Whether CUDA's headers may be fetched where this machine has none. @default true */
  fetch?: boolean;
}

/** Builds a shim if a source, a flag, the compiler or libtorch changed. */
export async function buildShim(options: ShimOptions): Promise<NativeBuild> {
  const { libtorch } = options;
  const flavour = options.flavour ?? await flavourOf(libtorch);
  const path = options.path ?? `${OUT}/${shimFile(flavour)}`;
  const cuda = flavour === "cuda" ? await cudaFlags(libtorch, options) : null;
  const names = (await shimSources()).filter((name) => cuda !== null || name !== CUDA);
  const plan = await planBuild(libtorch, { flags: PLAIN, names, own: { [CUDA]: cuda?.compile ?? [] } });
  const flags = ["-shared", ...LINK, ...libraries(libtorch), ...cuda?.link ?? []];
  const built = await finish(plan, { ...options, path, flags });
  if (options.path !== undefined) return built;
  const about = { file: path.slice(OUT.length + 1), build: built.build, torch: await readVersion(libtorch) };
  await Deno.writeTextFile(aboutShim(path), JSON.stringify(about));
  return built;
}

/** Builds the native test program; with `sanitize`, all of it under ASan and UBSan. */
export async function buildNativeTest(options: NativeOptions & { sanitize?: boolean }): Promise<NativeBuild> {
  const { libtorch, sanitize } = options;
  const shim = (await shimSources()).filter((name) => name !== CUDA);
  const tests = await sourcesOf("tests");
  const plan = await planBuild(libtorch, { flags: sanitize ? SANITIZED : PLAIN, names: shim, tests });
  const path = `${OUT}/fedx-test${sanitize ? "-sanitized" : ""}`;
  const flags = [...libraries(libtorch), `-Wl,-rpath,${libtorch}/lib`, "-Wl,--allow-shlib-undefined"];
  if (sanitize) flags.push("-fsanitize=address,undefined");
  return await finish(plan, { ...options, path, flags });
}

async function shimSources(): Promise<string[]> {
  return [ABI, ...await sourcesOf("engine"), ...await sourcesOf("device")];
}

/** What native/device/cuda.cpp and its library need besides; an unfit libtorch is refused before anything is fetched. */
async function cudaFlags(
  libtorch: string,
  options: { fetch?: boolean },
): Promise<{ compile: string[]; link: string[] }> {
  await cudaOf(libtorch);
  const { include, cudart } = await cudaParts(libtorch, options);
  return {
    compile: include === "/usr/include" ? [] : ["-isystem", include], // there the compiler looks in its own order
    link: ["-ltorch_cuda", "-lc10_cuda", cudart, "-ldl"],
  };
}

function libraries(libtorch: string): string[] {
  return [`-L${libtorch}/lib`, "-Wl,--no-as-needed", "-ltorch_cpu", "-lc10", "-fopenmp"];
}

interface Plan {
  units: Unit[];
  build: string;
}

/** What must be compiled: each unit's object is named by its sources, flags, compiler and libtorch. */
async function planBuild(
  libtorch: string,
  options: { flags: string[]; names: string[]; tests?: string[]; own?: Record<string, string[]> },
): Promise<Plan> {
  const { flags, names, tests = [], own = {} } = options;
  const made = [await compilerVersion(), await headersVersion(libtorch), ...flags];
  const hashes = new Map<string, string>();
  for (const name of [...names, ...tests]) hashes.set(name, await hashOf(name));
  const build = hash(...made, ...names.map((name) => hashes.get(name)!));
  const units = [...hashes].map(([name, sources]) => {
    const more = name === ABI ? [`-DFEDX_BUILD="${build}"`] : own[name] ?? [];
    const object = `${OUT}/objects/${name.replace("/", "-")}-${hash(...made, ...more, sources)}.o`;
    const folders = [`-I${ROOT}`, "-isystem", `${libtorch}/include`];
    return { name, object, command: ["g++", ...flags, ...more, ...folders, "-c", `${ROOT}${name}.cpp`] };
  });
  return { units, build };
}

/** What libtorch's headers say of themselves. @throws {Error} where they are not there */
async function headersVersion(libtorch: string): Promise<string> {
  try {
    await Deno.stat(`${libtorch}/include/ATen/core/Tensor.h`);
    return await Deno.readTextFile(`${libtorch}/version.py`);
  } catch (cause) {
    throw new Error(
      `Cannot build the training engine: expected version.py and include/ in ${libtorch}; name a whole libtorch in FEDX_LIBTORCH`,
      { cause },
    );
  }
}

/** Compiles and links unless `path` is what would come out. */
async function finish(
  { units, build: name }: Plan,
  result: { path: string; flags: string[]; onProgress?: OnProgress },
): Promise<NativeBuild> {
  const start = performance.now();
  const { path, flags } = result;
  const stamp = `${path}.key`;
  const key = hash(...units.map((unit) => unit.object), ...flags);
  const current = await exists(path) && await Deno.readTextFile(stamp).catch(() => "") === key;
  if (!current) {
    await build(units, result);
    await Deno.writeTextFile(stamp, key);
  }
  return { path, built: !current, seconds: (performance.now() - start) / 1000, build: name };
}
