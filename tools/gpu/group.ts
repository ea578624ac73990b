/**
 * Runs a program in a process group of its own and within a time limit. Whatever it started ends with it, so that nothing
 * of one stage is left on the card, or in memory, while the next one measures. What has left the group is found by a
 * variable that only this program's processes have.
 */

/** How a program ended. */
export interface Ended {
  how: "ended" | "timed out" | "stopped";
  /** Its exit status; null where even SIGKILL did not end it, as in a driver that hangs. */
  code: number | null;
  seconds: number;
}

export interface GroupOptions {
  cwd: string;
  /** Added to this process's environment. */
  env: Record<string, string>;
  /** The name of the one of them whose value no other program has. */
  mark: string;
  /** The file that stdout and stderr go to. */
  log: string;
  /** The limit, seconds. */
  seconds: number;
  /** Ends it before. */
  stop: AbortSignal;
}

/** From the first signal to SIGKILL, ms: Python writes into the log where each of its threads stands. */
const GRACE = 1000;
/** How long a killed program may take to be gone, ms. */
const GONE = 10_000;

/** How often what is left is looked for: who starts others while it is killed is met the next time. */
const ROUNDS = 5;

/** The shell writes the log itself, so that it is whole whatever becomes of this process; a killed program leaves no core file. */
const TO_LOG = 'ulimit -c 0; log=$1; shift; exec "$@" >"$log" 2>&1';

/** Runs `command` to its end, or to that of its time. */
export async function runInGroup(command: readonly string[], options: GroupOptions): Promise<Ended> {
  const { cwd, env, log, seconds, stop, mark } = options;
  const began = performance.now();
  const child = new Deno.Command("sh", {
    args: ["-c", TO_LOG, "sh", log, ...command],
    ...{ cwd, env, stdin: "null", stdout: "null", detached: true },
  }).spawn();
  const how = await firstOf(child, seconds * 1000, stop);
  if (how !== "ended") {
    signalGroup(child.pid, how === "timed out" ? "SIGABRT" : "SIGTERM");
    await within(child.status, GRACE);
  }
  signalGroup(child.pid, "SIGKILL");
  await killMarked(`${mark}=${env[mark]}`);
  const status = await within(child.status, GONE);
  return { how, code: status?.code ?? null, seconds: (performance.now() - began) / 1000 };
}

async function firstOf(child: Deno.ChildProcess, ms: number, stop: AbortSignal): Promise<Ended["how"]> {
  const cut = Promise.withResolvers<Ended["how"]>();
  const timer = setTimeout(() => cut.resolve("timed out"), ms);
  const stopped = () => cut.resolve("stopped");
  stop.addEventListener("abort", stopped);
  if (stop.aborted) stopped();
  try {
    return await Promise.race([child.status.then(() => "ended" as const), cut.promise]);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", stopped);
  }
}

/** What a promise gives, or null when it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function signalGroup(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(-pid, signal);
  } catch {
    // Nothing of the group is left.
  }
}

/** Kills every process that has this in its environment, and those that it starts meanwhile. */
async function killMarked(mark: string): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const pids = await marked(mark);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}

/** Processes with this in the environment that they were started with; those of other users cannot be read. */
async function marked(mark: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const text = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => ""); // empty, too, where it has ended
    if (text.split("\0").includes(mark)) found.push(Number(name));
  }
  return found;
}
