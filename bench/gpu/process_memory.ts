/**
 * The most memory that processes had, of the machine and of its GPU, looked at while they run.
 *
 * Why nvidia-smi: the driver alone knows what a process has on the card, its context and libraries included. In a
 * container it may not see process ids, so all that is in use on the card is kept as well.
 */
import { type Measured, rounded } from "./run_figures.ts";

const NO_PIDS = "nvidia-smi shows no process of that id here";

/** MiB by process id, from `nvidia-smi --query-compute-apps=pid,used_memory --format=csv,noheader,nounits`. */
export function memoryByProcess(csv: string): Map<number, number> {
  const rows = csv.trim().split("\n").map((line) => line.split(",").map((cell) => Number(cell.trim())));
  return new Map(rows.filter(([pid, mib]) => pid > 0 && mib >= 0).map(([pid, mib]) => [pid, mib]));
}

/** The peak of a process's memory, MiB, from /proc/PID/status; null where it has none. */
export function peakOf(status: string): number | null {
  const kib = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? null : Number(kib) / 1024;
}

/** Looks twice a second at the processes that it is told of, until it is disposed of. */
export class ProcessMemory implements AsyncDisposable {
  readonly #gpu: boolean;
  readonly #names = new Map<number, string>();
  readonly #host = new Map<string, number>();
  readonly #onGpu = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #looking: Promise<void>;
  #card: number | undefined;
  #failure = "no process was looked at";

  /** `device`: "cuda" asks nvidia-smi too. */
  constructor(device: string) {
    this.#gpu = device === "cuda";
    this.#looking = this.#look();
  }

  add(name: string, pid: number): void {
    this.#names.set(pid, name);
  }

  async #look(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const [pid, name] of this.#names) {
        const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
        raise(this.#host, name, peakOf(status));
      }
      if (this.#gpu) await this.#lookAtGpu();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  async #lookAtGpu(): Promise<void> {
    try {
      const apps = memoryByProcess(await smi("--query-compute-apps=pid,used_memory"));
      for (const [pid, name] of this.#names) raise(this.#onGpu, name, apps.get(pid) ?? null);
      const [used] = (await smi("--query-gpu=memory.used")).split("\n").map(Number);
      if (used >= 0) this.#card = Math.max(this.#card ?? 0, used);
      this.#failure = NO_PIDS;
    } catch (error) {
      this.#failure = (error as Error).message;
    }
  }

  /** What was seen until now. */
  figures(): Measured[] {
    const unseen = this.#gpu ? this.#failure : "only on a GPU";
    const names = [...new Set(this.#names.values())];
    return [
      ...names.map((name) => peakFigure(`peak memory, ${name}`, this.#host.get(name), "it ended too soon")),
      ...names.map((name) => peakFigure(`peak GPU memory, ${name}`, this.#onGpu.get(name), unseen)),
      peakFigure("peak GPU memory, all that runs on the card", this.#card, unseen),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#looking;
  }
}

function raise(peaks: Map<string, number>, name: string, value: number | null): void {
  if (value !== null) peaks.set(name, Math.max(peaks.get(name) ?? 0, value));
}

function peakFigure(name: string, mib: number | undefined, unseen: string): Measured {
  return {
    name,
    unit: "MiB",
    ...mib === undefined ? { value: null, reason: unseen } : { value: rounded(mib) },
  };
}

async function smi(query: string): Promise<string> {
  const args = [query, "--format=csv,noheader,nounits"];
  const { success, stdout, stderr } = await new Deno.Command("nvidia-smi", { args, stdin: "null" }).output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`nvidia-smi failed: ${new TextDecoder().decode(stderr).trim()}`);
}
