/**
 * Opens libtorch and the shim, once per process, and turns statuses into errors.
 *
 * Why never closed: unloading libtorch with a call in flight, or any call after it, crashes the process.
 */
import { type Refusal, sentence } from "../refusal.ts";
import { shimFile } from "./libtorch/flavour.ts";
import { ABI_VERSION, type Code, CODES, SYMBOLS } from "./symbols.ts";

/** Where the two native parts lie. */
export interface Libraries {
  /** Folder that holds lib/ and version.py. */
  libtorch: string;
  /** Path of libfedx-cpu.so or libfedx-cuda.so. */
  shim: string;
}

/** A native function that failed: `op` is its C name. */
export class NativeError extends Error {
  override name = "NativeError";
  constructor(readonly op: string, readonly code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The refusal of a library that cannot be opened or does not fit. */
function unfit(code: Code, parts: Refusal, options?: ErrorOptions): NativeError & Refusal {
  return Object.assign(new NativeError("dlopen", code, sentence(parts), options), parts);
}

/** The opened shim. */
export interface Library {
  symbols: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  /** Hash of the shim's sources, flags and libtorch version. */
  build: string;
  /** Version of the libtorch that the shim was built against. */
  torch: string;
}

/** A buffer argument as Deno's FFI takes it. */
export type Bytes = Uint8Array<ArrayBuffer>;

const REBUILD = "build it again: every deno task does, and rebuild.sh of the archive";
const ERROR_BYTES = 1024;
let opened: { libraries: Libraries; library: Library } | undefined;

/** The library, if `openLibrary` has succeeded. */
export function openedLibrary(): Library | undefined {
  return opened?.library;
}

/** Calls `call(err, errlen)` and throws NativeError if its status is not 0. */
export function check(op: string, call: (err: Bytes, errlen: number) => number): void {
  const err = new Uint8Array(ERROR_BYTES);
  raise(op, call(err, ERROR_BYTES), err);
}

/** As `check`, for a nonblocking function. */
export async function checkAsync(
  op: string,
  call: (err: Bytes, errlen: number) => Promise<number>,
): Promise<void> {
  const err = new Uint8Array(ERROR_BYTES);
  raise(op, await call(err, ERROR_BYTES), err);
}

function raise(op: string, status: number, err: Bytes): void {
  if (status === 0) return;
  throw new NativeError(op, CODES[status] ?? "internal", text(err) || `Cannot run ${op}: status ${status}`);
}

/** The NUL-terminated text at the start of `bytes`. */
export function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}

/**
 * Opens libtorch_cpu, for the GPU's shim libtorch_cuda, then the shim. A second call with the same paths returns the same library.
 *
 * @throws {NativeError} op "dlopen": a file is missing, or the shim belongs to another libtorch
 */
export function openLibrary(libraries: Libraries): Library {
  if (opened) {
    const { shim, libtorch } = opened.libraries;
    if (shim === libraries.shim && libtorch === libraries.libtorch) return opened.library;
    throw unfit("argument", {
      what: `Cannot open ${libraries.shim}`,
      expected: `${shim}, which runs in this process already`,
      got: "another",
      remedy: "start another process",
    });
  }
  const version = torchVersion(libraries.libtorch);
  setEnvironment();
  // Deno opens with RTLD_LOCAL, but the loader matches the shim's needs by SONAME with what is already there.
  dlopen(`${libraries.libtorch}/lib/libtorch_cpu.so`, {});
  if (libraries.shim.endsWith(shimFile("cuda"))) dlopen(`${libraries.libtorch}/lib/libtorch_cuda.so`, {});
  const symbols = dlopen(libraries.shim, SYMBOLS).symbols;
  const abi = symbols.fedx_abi_version();
  if (abi !== ABI_VERSION) {
    throw unfit("internal", {
      what: `Cannot use ${libraries.shim}`,
      expected: `ABI ${ABI_VERSION}`,
      got: String(abi),
      remedy: REBUILD,
    });
  }
  const out = new Uint8Array(256);
  check("fedx_build", (err, errlen) => symbols.fedx_build(out, out.length, err, errlen));
  const [build, torch] = text(out).split(" ");
  if (minor(torch) !== minor(version)) {
    throw unfit("argument", {
      what: `Cannot use ${libraries.shim}`,
      expected: `the version that it was built for, libtorch ${torch}`,
      got: version,
      remedy: REBUILD,
    });
  }
  opened = { libraries: { ...libraries }, library: { symbols, build, torch } };
  return opened.library;
}

function minor(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

/** Reads version.py rather than asking the library: a wrong one must be refused before it is opened. */
function torchVersion(libtorch: string): string {
  const path = `${libtorch}/version.py`;
  let source: string;
  try {
    source = Deno.readTextFileSync(path);
  } catch (cause) {
    throw unfit("argument", {
      what: "Cannot open libtorch",
      expected: path,
      got: "no such file",
      remedy: "name its folder in FEDX_LIBTORCH",
    }, { cause });
  }
  const version = /__version__ = '([^']+)'/.exec(source)?.[1];
  if (version) return version;
  throw unfit("argument", {
    what: "Cannot open libtorch",
    expected: `a version in ${path}`,
    got: "none",
    remedy: "fetch libtorch again",
  });
}

/** libgomp and MKL read these when they are loaded; teams that spin starve other silos of the same machine. */
function setEnvironment(): void {
  const defaults = {
    OMP_WAIT_POLICY: "PASSIVE",
    OMP_NUM_THREADS: String(navigator.hardwareConcurrency),
    MKL_CBWR: "AUTO",
  };
  for (const [name, value] of Object.entries(defaults)) {
    if (Deno.env.get(name) === undefined) Deno.env.set(name, value);
  }
}

function dlopen<const S extends Deno.ForeignLibraryInterface>(
  path: string,
  symbols: S,
): Deno.DynamicLibrary<S> {
  try {
    return Deno.dlopen(path, symbols);
  } catch (cause) {
    const reason = cause instanceof Error
      ? cause.message.replace(/^(Could not open library: )+/, "")
      : String(cause);
    throw unfit("argument", {
      what: `Cannot open ${path}`,
      expected: "a library that this system loads",
      got: reason,
      remedy: "set FEDX_LIBTORCH to a whole libtorch, and build the shim beside it",
    }, { cause });
  }
}

/** The bytes of any view, without a copy. */
export function bytesOf(view: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
}

/** The one u32 that a function writes through an out parameter: a handle. */
export function handle(
  op: string,
  call: (out: Uint8Array<ArrayBuffer>, err: Uint8Array<ArrayBuffer>, errlen: number) => number,
): number {
  const out = new Uint32Array(1);
  check(op, (err, errlen) => call(bytesOf(out), err, errlen));
  return out[0];
}
