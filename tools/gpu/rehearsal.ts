/**
 * What a rehearsal takes away: the network, the home folder and the environment, so that it finds no more than a machine
 * that knows nothing of fedx.
 */
import { dirname, resolve } from "node:path";
import { findLibtorch } from "../../src/shim/libtorch/find.ts";
import { RUN_DENO } from "../../src/version.ts";

/** How a command is run in a rehearsal. */
export interface Rehearsal {
  /** Words before the command. */
  before: string[];
  /** All variables that it gets. */
  env: Record<string, string>;
  /** What was taken away, for the one who watches. */
  note: string;
}

/** Images for GPUs set the dynamic linker's path, and not every program starts as before where it is set. */
const DRIVER = "/usr/local/nvidia/lib64";
/** A network of its own with nothing in it but this machine. */
const WITHOUT_NETWORK = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
/** Where that is not allowed: a port on which nothing listens takes what goes to other machines. */
const NOWHERE = "http://127.0.0.1:9";
const PROXIES = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/**
 * Prepares one, with its home folder in `work`.
 *
 * @throws {Error} there is no PyTorch to build against
 */
export async function rehearsal(work: string): Promise<Rehearsal> {
  const home = `${work}/home`;
  await Deno.mkdir(home);
  const env = { ...await machineEnv(), ...await torchEnv(), HOME: home };
  if (await succeeds([...WITHOUT_NETWORK, "true"])) {
    return { before: WITHOUT_NETWORK, env, note: "rehearsal: without network, in an empty home folder" };
  }
  return {
    before: [],
    env: { ...env, ...Object.fromEntries(PROXIES.map((name) => [name, NOWHERE])) },
    note:
      "rehearsal: in an empty home folder; the network cannot be taken away here, its proxies lead nowhere",
  };
}

/** The programs of this machine, python3 first: what stands for it on PATH may look for its versions in the home folder. */
async function machineEnv(): Promise<Record<string, string>> {
  const path = Deno.env.get("PATH") ?? "/usr/bin:/bin";
  const python = await outputOf(["python3", "-c", "import sys; print(sys.executable)"]);
  const env: Record<string, string> = {
    PATH: python === null ? path : `${dirname(python)}:${path}`,
    LD_LIBRARY_PATH: Deno.env.get("LD_LIBRARY_PATH") || DRIVER,
  };
  const temporary = Deno.env.get("TMPDIR");
  return temporary === undefined ? env : { ...env, TMPDIR: temporary };
}

/** The caller's PyTorch, else the one that `task build` uses. */
async function torchEnv(): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const name of ["FEDX_LIBTORCH", "FEDX_PYTHON"]) {
    const value = Deno.env.get(name);
    if (value) env[name] = value.includes("/") ? resolve(value) : value;
  }
  if (Object.keys(env).length > 0) return env;
  const found = await findLibtorch({ headers: true });
  if (found !== null) return { FEDX_LIBTORCH: found.dir };
  throw new Error(
    "Cannot rehearse: expected a PyTorch in FEDX_LIBTORCH, FEDX_PYTHON, the cache or python3, got none; " +
      `run \`${RUN_DENO} task build\`, which fetches one`,
  );
}

async function succeeds(command: string[]): Promise<boolean> {
  return await outputOf(command) !== null;
}

/** What a command prints, or null when it fails or is not there. */
async function outputOf([program, ...args]: string[]): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, stdin: "null", stderr: "null" })
      .output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
