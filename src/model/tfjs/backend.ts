/**
 * TensorFlow.js with its WebAssembly back end, started once per process at the first use.
 *
 * Why one thread: Deno has the SIMD that the back end wants, but not the browser's workers that its threads are.
 * It registers no gradients of convolutions either, so it scores and cannot train.
 */
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { setDirname } from "../../files/emscripten.ts";
import { exists } from "../../files/exists.ts";

/** TensorFlow.js's functions. */
export type Tf = typeof import("@tensorflow/tfjs-core");

/** The one file that the back end reads at run time. */
export const WASM_FILE = "tfjs-backend-wasm-simd.wasm";

let started: Promise<Tf> | undefined;

/**
 * Starts the back end; later calls give what the first one gave, whatever their folder.
 *
 * @param options.wasmFolder folder of `WASM_FILE` @default the one of wasmFolder()
 * @throws {Error} when the file is missing or damaged
 */
export function startTfjs(options: { wasmFolder?: string } = {}): Promise<Tf> {
  started ??= start(options.wasmFolder);
  return started;
}

/** Where `WASM_FILE` lies: from source in the npm package, in a bundle (which knows no packages) beside it. */
export async function wasmFolder(): Promise<string> {
  const beside = import.meta.dirname ?? ".";
  if (await exists(join(beside, WASM_FILE))) return beside;
  try {
    return dirname(fileURLToPath(import.meta.resolve("@tensorflow/tfjs-backend-wasm")));
  } catch {
    return beside;
  }
}

async function start(folder: string | undefined): Promise<Tf> {
  setDirname();
  const tf = await import("@tensorflow/tfjs-core");
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  const place = folder ?? await wasmFolder();
  await checkFile(join(place, WASM_FILE));
  tf.enableProdMode(); // else it prints advice
  setWasmPaths(`${place}/`);
  const restore = rememberListeners();
  await tf.setBackend("wasm");
  restore();
  return tf;
}

/** Before the package meets the file: there a bad one becomes an unhandled rejection. */
async function checkFile(path: string): Promise<void> {
  const bytes = await Deno.readFile(path).catch(() => new Uint8Array());
  if (WebAssembly.validate(bytes)) return;
  throw new Error(
    `Cannot start tfjs: expected WebAssembly in ${path}, got ${
      bytes.length === 0 ? "nothing" : "other bytes"
    }; ` +
      "install fedx again",
  );
}

/** The package leaves handlers of uncaught errors behind, which would end the process before ours: takes them off. */
function rememberListeners(): () => void {
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => new Set<unknown>(process.rawListeners(event)));
  return () =>
    events.forEach((event, index) => {
      for (const listener of process.rawListeners(event)) {
        if (!before[index].has(listener)) process.removeListener(event, listener as () => void);
      }
    });
}
