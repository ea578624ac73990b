/**
 * Makes a fresh clone ready: finds or fetches libtorch, builds the shim, writes `./fedx`. What is there already is
 * left alone, so a second run takes a fraction of a second. One line on stderr for each.
 */
import { type FetchEvent, fetchLibtorch } from "../src/shim/libtorch/fetch.ts";
import { findLibtorch, type Libtorch } from "../src/shim/libtorch/find.ts";
import { writeLauncher } from "./launcher.ts";
import { compilerVersion } from "./compiler.ts";
import { buildShim } from "./native.ts";
import { Progress } from "./progress.ts";

/** Does it all; `flags` as from resolveStd. Returns the libtorch. Throws one sentence with the remedy. */
export async function bootstrap(flags: string[]): Promise<Libtorch> {
  const libtorch = await makeEngine();
  const launcher = await writeLauncher({ flags, libtorch: libtorch.dir });
  new Progress().line(`launcher: ./fedx ${launcher.written ? "written" : "up to date"}`);
  return libtorch;
}

/** Finds or fetches libtorch, builds the shim and returns the libtorch. */
export async function makeEngine(): Promise<Libtorch> {
  const progress = new Progress();
  await compilerVersion(); // before half a gigabyte is fetched
  const libtorch = await ensureLibtorch(progress);
  const shim = await buildShim({
    libtorch: libtorch.dir,
    onProgress: ({ done, total, file }) =>
      progress.update(`shim: compiling, ${done} of ${total} done (${file})`),
  });
  progress.line(
    shim.built ? `shim: built in ${shim.seconds.toFixed(0)} s` : "shim: up to date",
  );
  return libtorch;
}

async function ensureLibtorch(progress: Progress): Promise<Libtorch> {
  const found = await findLibtorch({ headers: true });
  if (found !== null) {
    const from = found.source === "cache" ? `the cache (${found.dir})` : `${found.source} (${found.dir})`;
    progress.line(`libtorch: ${found.version} from ${from}`);
    return found;
  }
  const start = performance.now();
  const fetched = await fetchLibtorch({ onEvent: (event) => tell(progress, event) });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  progress.line(`libtorch: ${fetched.version} fetched through pip into ${fetched.dir} in ${seconds} s`);
  return fetched;
}

function tell(progress: Progress, event: FetchEvent): void {
  const mega = (bytes: number) => (bytes / 1e6).toFixed(0);
  if (event.type === "download") {
    const got = mega(Math.min(event.bytes, event.total ?? Infinity)); // pip keeps two copies for a moment
    const of = event.total === null ? "" : ` of ${mega(event.total)}`;
    progress.update(`libtorch: fetching ${event.spec}, ${got}${of} MB`);
  } else if (event.type === "unpack") {
    progress.update(`libtorch: unpacking, ${mega(event.done)} of ${mega(event.total)} MB`);
  } else {
    const checked = event.pinned ? "digest as pinned" : `files as in its RECORD, SHA-256 ${event.sha256}`;
    progress.line(`libtorch: ${event.file}, ${checked}`);
  }
}
