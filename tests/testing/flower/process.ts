/**
 * Flower's programs as processes. They start others that outlive them, some in sessions of their own, so
 * every one is marked by the FLWR_HOME that it inherits, and by that mark the last is found and killed.
 */
import { stripVTControlCharacters } from "node:util";
import type { FlowerEnvironment } from "./environment.ts";

/** A program of Flower that runs until it is stopped. */
export interface FlowerProcess {
  readonly pid: number;
  /** The exit code, once it has ended. */
  readonly ended: Promise<number>;
  /** What it and its children have printed until now. */
  log(): Promise<string>;
  /** Asks it to end, which lets it say goodbye, and kills what is left after `seconds`. @default 5 */
  stop(seconds?: number): Promise<void>;
  /** SIGKILL for it and all its children, as when the power fails. */
  kill(): Promise<void>;
  /** CPU-seconds that it and its children have taken, those included that have ended. */
  cpu(): Promise<number>;
}

/** Starts a program of the environment; `folder` is its FLWR_HOME and holds its log. */
export async function startFlower(
  [program, ...args]: readonly string[],
  options: { environment: FlowerEnvironment; folder: string; modules?: string },
): Promise<FlowerProcess> {
  const { environment, folder, modules } = options;
  const path = `${folder}/${program}.log`;
  await Deno.writeTextFile(path, "");
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      'log=$1; shift; exec "$@" >>"$log" 2>&1',
      "sh",
      path,
      `${environment.bin}/${program}`,
      ...args,
    ],
    cwd: folder,
    env: {
      ...flowerVariables(environment, folder),
      ...modules !== undefined && { PYTHONPATH: modules },
    },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let running = true;
  const ended = child.status.then(({ code }) => {
    running = false;
    return code;
  });
  const kill = async () => {
    await killMarked(folder);
    await ended;
  };
  const stop = async (seconds = 5) => {
    if (running) child.kill("SIGTERM");
    await within(ended, seconds);
    await kill();
  };
  return {
    pid: child.pid,
    ended,
    log: async () => stripVTControlCharacters(await Deno.readTextFile(path)),
    stop,
    kill,
    cpu: async () => {
      const taken = await Promise.all((await marked(folder)).map((pid) => cpuOf(pid, { children: true })));
      return taken.reduce((sum, one) => sum + one, 0);
    },
  };
}

/** CPU-seconds of a process; 0 for one that is gone. @param options `children`: those of its children that have ended too */
export async function cpuOf(pid: number, { children = false }: { children?: boolean } = {}): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  // After the name in brackets come state, parent and so on: user and system time are the 12th and 13th of these.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  const ticks = fields.slice(11, children ? 15 : 13).reduce((sum, one) => sum + one, 0);
  return text === "" ? 0 : ticks / 100;
}

/** Runs a program of the environment to its end; `output` is stdout and stderr as they came. */
export async function runFlower(
  [program, ...args]: readonly string[],
  options: { environment: FlowerEnvironment; folder: string; signal?: AbortSignal },
): Promise<{ code: number; output: string }> {
  const { environment, folder, signal } = options;
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", 'exec "$@" 2>&1', "sh", `${environment.bin}/${program}`, ...args],
    cwd: folder,
    env: flowerVariables(environment, folder),
    stdin: "null",
    signal,
  }).output();
  return { code, output: stripVTControlCharacters(new TextDecoder().decode(stdout)) };
}

/** Removes the folder of a stopped program, also where it is gone already. */
export async function removeFolder(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** Resolves when something listens on a port of this machine; an error where the process ends before. */
export async function untilListening(
  port: number,
  options: { process: FlowerProcess; seconds: number },
): Promise<void> {
  const { process, seconds } = options;
  const deadline = performance.now() + seconds * 1000;
  while (true) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
    connection?.close();
    if (connection !== null) return;
    const code = await within(process.ended, 0.1);
    if (code === undefined && performance.now() < deadline) continue;
    const what = code === undefined ? `nothing in ${seconds} s` : `exit code ${code}`;
    const log = (await process.log()).slice(-4000);
    throw new Error(`Cannot start Flower: expected a listener on port ${port}, got ${what}: ${log}`);
  }
}

/** Its own programs come first in PATH, because Flower calls them by name; nothing leaves this machine. */
function flowerVariables(environment: FlowerEnvironment, folder: string): Record<string, string> {
  return {
    PATH: `${environment.bin}:${Deno.env.get("PATH")}`,
    FLWR_HOME: folder,
    FLWR_TELEMETRY_ENABLED: "0",
    FLWR_DISABLE_UPDATE_CHECK: "1",
    FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION: "1",
    FLWR_SUPEREXEC_TASK_POLL_INTERVAL: "0.1",
    PYTHONUNBUFFERED: "1",
    OMP_NUM_THREADS: "1",
    OPENBLAS_NUM_THREADS: "1",
    NO_COLOR: "1",
    COLUMNS: "200",
  };
}

/** What a promise gives within some seconds, else undefined. */
async function within<T>(promise: Promise<T>, seconds: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), seconds * 1000);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Kills until none is left, because one may start another while it is looked for. */
async function killMarked(folder: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const found = await marked(folder);
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) {
          throw error;
        }
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Cannot stop Flower: expected no process of ${folder}, got ${await marked(folder)}`);
}

/** Processes with this FLWR_HOME. */
async function marked(folder: string): Promise<number[]> {
  const entries = await Array.fromAsync(Deno.readDir("/proc"));
  const ids = entries.map(({ name }) => Number(name)).filter(Number.isInteger);
  const held = await Promise.all(ids.map(async (pid) => {
    const variables = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "");
    return variables.split("\0").includes(`FLWR_HOME=${folder}`);
  }));
  return ids.filter((_, at) => held[at]);
}
