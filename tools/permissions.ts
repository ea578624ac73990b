/**
 * What each command may do, in the one file, and the heap it begins with: the runtime gets these flags and no others,
 * and never asks.
 *
 * Every role reads and writes where its options and fedx.toml say, so files are not limited by path; Deno's own
 * modules read the environment. Network: only the two roles of a run and `doctor`, and not by address, since that may stand in
 * fedx.toml. Programs: python3 alone, which looks for torch and fetches weights through pip. Native libraries: by
 * path, and only ours, sharp's and libtorch's; `aggregate`, `ca` and the small ones open none.
 */
import type { CommandName } from "../src/cli/options/commands.ts";

/** The first word of a command line. */
type Word = CommandName extends infer N ? N extends `${infer W} ${string}` ? W : N : never;

const FILES = ["--allow-read", "--allow-write", "--allow-env"];
const NETWORK = "--allow-net";
/**
 * A heap that begins with 64 MB in place of a few. What comes over the network counts towards when V8 collects, and with
 * so small a heap as these programs' it collects all the time: a fifth of a round without training. Only a flag at the
 * start changes it.
 */
export const HEAP = "--v8-flags=--initial-heap-size=64";
const PYTHON = "--allow-run=python3";
const IMAGES = "--allow-ffi={app}/node_modules";
const ENGINE = "--allow-ffi={app}{libtorch}";

const BY_WORD = {
  demo: [...FILES, "--allow-run={self},python3", ENGINE],
  init: FILES,
  prepare: [...FILES, IMAGES],
  forget: FILES,
  peers: FILES,
  ca: FILES,
  kit: FILES,
  flower: FILES,
  aggregate: [...FILES, NETWORK, PYTHON, HEAP],
  train: [...FILES, NETWORK, PYTHON, ENGINE, HEAP],
  local: [...FILES, PYTHON, ENGINE],
  evaluate: [...FILES, PYTHON, ENGINE],
  predict: [...FILES, PYTHON, ENGINE],
  networks: [...FILES, PYTHON, ENGINE],
  compare: [...FILES, PYTHON, ENGINE, "--allow-sys=cpus"],
  doctor: [...FILES, NETWORK, PYTHON, ENGINE, "--allow-sys=systemMemoryInfo,osRelease,statfs"],
  status: FILES,
  audit: FILES,
  version: FILES,
} as const satisfies Record<Word, readonly string[]>;

/** Flags by the first word of the command line; `-` is for `--help`, `--version` and what is no command. */
export const PERMISSIONS: Readonly<Record<string, readonly string[]>> = { ...BY_WORD, "-": FILES };

/** What `deno compile` bakes in: one set for all commands, so the largest of each kind. */
export const COMPILED = [...FILES, NETWORK, "--allow-run", "--allow-ffi", "--allow-sys", HEAP];
