/**
 * How native/ is built, in one place: sources → objects with g++ → the shim (a shared library) or the native test (a program).
 *
 * Why no cmake: it would be one more thing to install, and ten files need no build system. An object is named by the
 * hash of everything it is made from, so builds are incremental, and two builds at once cannot harm each other.
 */
import { fileURLToPath } from "node:url";
import { createHash } from "node:crypto";
import { aboutShim, type Flavour, flavourOf, shimFile } from "../src/shim/libtorch/flavour.ts";
import { readVersion } from "../src/shim/libtorch/find.ts";
import { cudaHeaders, cudaOf } from "./cuda.ts";

/** Which libtorch to build against: `dir` holds lib/, include/ and version.py. */
export interface NativeOptions {
  libtorch: string;
  onProgress?: (event: { done: number; total: number; file: string }) => void;
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

const ROOT = fileURLToPath(new URL("../native/", import.meta.url));
const OUT = `${ROOT}build`;

/** Sources of the shim; the native test adds its own. */
const SOURCES = [
  "engine/model",
  "engine/host_steps",
  "engine/device_steps",
  "engine/scaled_adam",
  "engine/draws",
  "engine/pixels",
  "engine/engine",
  "engine/job",
  "engine/block",
  "engine/efficientnet",
  "engine/config",
  "engine/recipe",
  "engine/augment",
  "device/device",
  "device/pool",
  "fedx",
];
const TESTS = ["tests/main", "tests/augment", "tests/statistics", "tests/device_steps"];
const ROOMS = ["", "engine/", "device/", "tests/"];
const WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter"];
/** -fopenmp everywhere: at::parallel_for is silently serial without it. */
const FLAGS = [
  "-std=c++20",
  "-fPIC",
  "-fopenmp",
  "-fvisibility=hidden",
  "-fno-math-errno",
  "-DAT_PER_OPERATOR_HEADERS",
  ...WARNINGS,
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
const AT_ONCE = 2; // compilers: each takes 0.6 GB

/** Which shim to build, and where to. */
export interface ShimOptions extends NativeOptions {
  /** @default what this machine runs: flavourOf(libtorch) */
  flavour?: Flavour;
  /** @default "native/build/libfedx-FLAVOUR.so" */
  path?: string;
}

/** Builds a shim if a source, a flag, the compiler or libtorch changed. */
export async function buildShim(options: ShimOptions): Promise<NativeBuild> {
  const start = performance.now();
  const { libtorch } = options;
  const flavour = options.flavour ?? await flavourOf(libtorch);
  const path = options.path ?? `${OUT}/${shimFile(flavour)}`;
  const cuda = flavour === "cuda" ? await cudaFlags(libtorch) : null;
  const plan = cuda === null
    ? await planBuild(libtorch, PLAIN, SOURCES)
    : await planBuild(libtorch, PLAIN, [...SOURCES, "device/cuda"], { "device/cuda": cuda.compile });
  const flags = ["-shared", ...LINK, ...libraries(libtorch), ...cuda?.link ?? []];
  const built = await finish(plan, { path, flags, options, start });
  if (options.path !== undefined) return built;
  const about = { file: path.slice(OUT.length + 1), build: built.build, torch: await readVersion(libtorch) };
  await Deno.writeTextFile(aboutShim(path), JSON.stringify(about));
  return built;
}

/** What native/device/cuda.cpp and its library need besides; an unfit libtorch is refused before anything is fetched. */
async function cudaFlags(libtorch: string): Promise<{ compile: string[]; link: string[] }> {
  await cudaOf(libtorch);
  const { include, cudart } = await cudaHeaders();
  return {
    compile: include.flatMap((folder) => ["-isystem", folder]),
    link: ["-ltorch_cuda", "-lc10_cuda", cudart],
  };
}

/** Builds the native test program; with `sanitize`, all of it under ASan and UBSan. */
export async function buildNativeTest(options: NativeOptions & { sanitize?: boolean }): Promise<NativeBuild> {
  const start = performance.now();
  const plan = await planBuild(options.libtorch, options.sanitize ? SANITIZED : PLAIN, [
    ...SOURCES,
    ...TESTS,
  ]);
  const path = `${OUT}/fedx-test${options.sanitize ? "-sanitized" : ""}`;
  const flags = [
    ...libraries(options.libtorch),
    `-Wl,-rpath,${options.libtorch}/lib`,
    "-Wl,--allow-shlib-undefined",
  ];
  if (options.sanitize) flags.push("-fsanitize=address,undefined");
  return await finish(plan, { path, flags, options, start });
}

interface Unit {
  name: string;
  object: string;
  /** The whole compiler command. */
  command: string[];
}

interface Plan {
  units: Unit[];
  /** Names the result: a hash of all objects' hashes. */
  key: string;
  build: string;
}

function libraries(libtorch: string): string[] {
  return [`-L${libtorch}/lib`, "-Wl,--no-as-needed", "-ltorch_cpu", "-lc10", "-fopenmp"];
}

function hash(...parts: string[]): string {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(`${part.length}:${part}`);
  return sum.digest("hex").slice(0, 16);
}

/** The oldest g++ that knows enough of C++20. */
const OLDEST = 11;

/**
 * The first line that `g++ --version` prints.
 *
 * @throws {Error} one sentence with the remedy: no g++, or one that is too old
 */
export async function compilerVersion(): Promise<string> {
  const remedy = "install it (Debian: apt install g++) and run again.";
  const refuse = (got: string) =>
    new Error(`Cannot build the training engine: expected g++ ${OLDEST} or newer, got ${got}; ${remedy}`);
  try {
    const { success, stdout } = await new Deno.Command("g++", {
      args: ["--version"],
      stdout: "piped",
      stderr: "null",
    }).output();
    if (!success) throw refuse("one that does not run");
    const line = new TextDecoder().decode(stdout).split("\n")[0];
    const [, major] = /(\d+)\.\d+/.exec(line.replaceAll(/\(.*?\)/g, "")) ?? []; // in brackets: the packager's
    if (Number(major ?? 0) < OLDEST) throw refuse(line);
    return line;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw refuse("none");
    throw error;
  }
}

/** What must be compiled: each unit's object is named by its source, all headers, flags, compiler and libtorch. */
async function planBuild(
  libtorch: string,
  flags: string[],
  names: string[],
  ownFlags: Record<string, string[]> = {},
): Promise<Plan> {
  let version: string;
  try {
    version = await Deno.readTextFile(`${libtorch}/version.py`);
    await Deno.stat(`${libtorch}/include/ATen/core/Tensor.h`);
  } catch (cause) {
    throw new Error(
      `Cannot build the training engine: expected version.py and include/ in ${libtorch}; name a whole libtorch in FEDX_LIBTORCH`,
      { cause },
    );
  }
  const files: Record<string, string> = {};
  for (const room of ROOMS) {
    for await (const { name } of Deno.readDir(ROOT + room)) {
      if (/\.(cpp|h)$/.test(name)) files[room + name] = await Deno.readTextFile(ROOT + room + name);
    }
  }
  const headers = Object.keys(files).filter((name) => name.endsWith(".h")).sort().map((name) => files[name]);
  const common = [await compilerVersion(), version, flags.join(" "), ...headers];
  const shim = names.filter((name) => !TESTS.includes(name));
  const build = hash(...common, ...shim.map((name) => files[`${name}.cpp`]));
  const units = names.map((name) => {
    const own = name === "fedx" ? [`-DFEDX_BUILD="${build}"`] : ownFlags[name] ?? [];
    const object = `${OUT}/objects/${name.replace("/", "-")}-${hash(...common, ...own, files[`${name}.cpp`])}.o`;
    return {
      name,
      object,
      command: ["g++", ...flags, ...own, `-I${ROOT}`, "-isystem", `${libtorch}/include`, "-c", `${ROOT}${name}.cpp`],
    };
  });
  return { units, key: hash(...units.map((unit) => unit.object)), build };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
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

/** Runs a command that writes to a path of its own, then renames: readers never see half a file. */
async function produce(path: string, command: string[], doing: string): Promise<void> {
  const partial = `${path}.${Deno.pid}.partial`;
  await run([...command, "-o", partial], doing);
  await Deno.rename(partial, path);
}

async function compile(units: Unit[], onProgress: NativeOptions["onProgress"]): Promise<void> {
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
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function finish(
  plan: Plan,
  result: { path: string; flags: string[]; options: NativeOptions; start: number },
): Promise<NativeBuild> {
  const { path, flags, options, start } = result;
  const stamp = `${path}.key`;
  const key = hash(plan.key, ...flags);
  const outcome = (built: boolean) => ({
    path,
    built,
    seconds: (performance.now() - start) / 1000,
    build: plan.build,
  });
  if (await exists(path) && await Deno.readTextFile(stamp).catch(() => "") === key) {
    return outcome(false);
  }
  await Deno.mkdir(`${OUT}/objects`, { recursive: true });
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await writeCompileCommands(plan.units);
  await compile(plan.units, options.onProgress);
  await produce(path, ["g++", ...plan.units.map((unit) => unit.object), ...flags], `link ${path}`);
  await Deno.writeTextFile(stamp, key);
  await removeOld(plan.units);
  return outcome(true);
}

/** For editors (clangd) and linters. */
async function writeCompileCommands(units: Unit[]): Promise<void> {
  const entries = units.map((unit) => ({
    directory: ROOT,
    file: `${ROOT}${unit.name}.cpp`,
    arguments: unit.command,
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
