/**
 * Virtual environments with a stock Flower each, so that tests meet the programs that hospitals really run.
 * They lie below the user's cache, because an installation takes about a minute and is the same for every
 * test; a test skips, with the reason that stands in `missing`, where one cannot be had.
 */

/** What tests speak with: the last version with text errors, the last with gRPC, and the newest. */
export const FLOWER_VERSIONS = ["1.29.0", "1.39.0", "newest"] as const;

/** One stock Flower. */
export interface FlowerEnvironment {
  /** The exact version, also where "newest" was asked for. */
  version: string;
  /** The folder of flower-superlink, flower-supernode and flwr. */
  bin: string;
  python: string;
}

/** Whether this Flower's SuperLink serves its SuperNodes over HTTP; older ones do over gRPC. */
export function speaksHttp({ version }: FlowerEnvironment): boolean {
  return atLeast(version, "1.40");
}

/** Whether a version such as 1.39.0 is `minimum`, which is such as 1.40, or a later one. */
export function atLeast(version: string, minimum: string): boolean {
  const [major, minor] = version.split(".").map(Number);
  const [wantedMajor, wantedMinor] = minimum.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** The environment of an exact version or of the "newest", installed on first use. */
export async function flowerEnvironment(version: string): Promise<FlowerEnvironment | { missing: string }> {
  try {
    const exact = version === "newest" ? await newest() : version;
    return await installed(`${cacheFolder()}/${exact}`, exact);
  } catch (error) {
    return { missing: `flwr ${version} is not here: ${error instanceof Error ? error.message : error}` };
  }
}

function cacheFolder(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME")}/.cache`;
  return `${cache}/fedx-flower`;
}

/** What pip would install now; without a network the newest that is installed already. */
async function newest(): Promise<string> {
  const ask = ["-m", "pip", "index", "versions", "flwr", "--retries", "1", "--timeout", "20"];
  const listed = await output("python3", ask).catch((error) => error);
  const found = typeof listed === "string" ? /^flwr \((\d+\.\d+\.\d+)\)/m.exec(listed)?.[1] : undefined;
  if (found !== undefined) return found;
  const here = await Array.fromAsync(Deno.readDir(cacheFolder())).catch(() => []);
  const whole = here.map(({ name }) => name.slice(0, -".complete".length)).filter((version, at) =>
    here[at].name === `${version}.complete`
  );
  const last = whole.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  if (last !== undefined) return last;
  throw new Error(`Cannot find the newest flwr: expected pip to list one, got ${listed}`);
}

/** Holds a lock while it installs: test files run in parallel, and half an environment must not be used. */
async function installed(folder: string, version: string): Promise<FlowerEnvironment> {
  await Deno.mkdir(folder, { recursive: true });
  using lock = await Deno.open(`${folder}.lock`, { create: true, write: true });
  await lock.lock(true);
  const environment = { version, bin: `${folder}/bin`, python: `${folder}/bin/python` };
  if (await Deno.stat(`${folder}.complete`).then(() => true, () => false)) return environment;
  try {
    await output("python3", ["-m", "venv", "--clear", folder]);
    await output(environment.python, ["-m", "pip", "install", "--quiet", `flwr==${version}`, "numpy"]);
    await output(environment.python, ["-c", "import flwr, numpy"]);
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
  await Deno.writeTextFile(`${folder}.complete`, "");
  return environment;
}

async function output(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (success) return text(stdout);
  const last = text(stderr).split("\n").at(-1);
  throw new Error(`Cannot run ${command} ${args.join(" ")}: expected exit code 0, got ${last}`);
}
