// Why: the demo's roles are real processes; whatever happens to the parent's command, none of them outlives it.
import { fileURLToPath } from "node:url";

/** A `fedx` process of ours. Its stderr goes to a file. */
export interface Role {
  name: string;
  log: string;
  child: Deno.ChildProcess;
  /** Ends with what it printed under --json; rejects when it fails. */
  result: Promise<Record<string, unknown>>;
}

/** The command that starts this program again. */
export function ownCommand(): { command: string; args: string[] } {
  const own = Deno.env.get("FEDX_EXE");
  if (own) return { command: own, args: [] };
  if (Deno.build.standalone) return { command: Deno.execPath(), args: [] };
  const entry = fileURLToPath(new URL("../../main.ts", import.meta.url));
  return { command: Deno.execPath(), args: ["run", "--quiet", "--allow-all", entry] };
}

/** Processes that end together: disposing of it stops those that still run. */
export class Processes implements AsyncDisposable {
  readonly #children = new Map<string, Deno.ChildProcess>();
  readonly #logs: string;
  readonly #signal: AbortSignal;
  readonly #grace: number;

  /**
   * `logs` is the folder of the children's stderr; aborting `signal` stops all of them.
   *
   * @param options.grace how long a child may take to end by itself before it is killed, milliseconds @default 8000
   */
  constructor(options: { logs: string; signal: AbortSignal; grace?: number }) {
    this.#logs = options.logs;
    this.#signal = options.signal;
    this.#grace = options.grace ?? 8_000;
    this.#signal.addEventListener("abort", this.#stop);
  }

  /** Starts `fedx ARGS --json`. */
  start(name: string, args: readonly string[]): Role {
    this.#signal.throwIfAborted();
    const log = `${this.#logs}/${name}.log`;
    const own = ownCommand();
    const child = new Deno.Command(own.command, {
      args: [...own.args, ...args, "--json"],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#children.set(name, child);
    const result = this.#finish(name, child, log);
    result.catch(() => {});
    return { name, log, child, result };
  }

  /** Starts a command and waits for its result. */
  async run(name: string, args: readonly string[]): Promise<Record<string, unknown>> {
    return await this.start(name, args).result;
  }

  async #finish(name: string, child: Deno.ChildProcess, log: string): Promise<Record<string, unknown>> {
    const file = await Deno.open(log, { write: true, create: true, truncate: true });
    const [, text, status] = await Promise.all([
      child.stderr.pipeTo(file.writable),
      new Response(child.stdout).text(),
      child.status,
    ]);
    this.#children.delete(name);
    this.#signal.throwIfAborted();
    if (!status.success) {
      const last = (await Deno.readTextFile(log)).trim().split("\n").at(-1) || text.trim();
      throw new Error(
        `Cannot run ${name}: it ended with ${status.signal ?? status.code}: ${last} (see ${log}).`,
      );
    }
    return JSON.parse(text);
  }

  readonly #stop = (): void => this.#kill("SIGTERM");

  #kill(signal: Deno.Signal): void {
    for (const child of this.#children.values()) {
      try {
        child.kill(signal);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended already
      }
    }
  }

  /** Stops what still runs, kindly and then not. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#stop);
    const left = [...this.#children.values()].map((child) => child.status);
    if (left.length === 0) return;
    this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), this.#grace);
    await Promise.all(left);
    clearTimeout(timer);
  }
}
