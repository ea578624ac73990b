/** The processes of fedx that a stage starts: their exit statuses and their memory become figures. */
import { Processes, type Role } from "../../src/cli/commands/demo/processes.ts";
import type { Figure } from "../../tools/gpu/figures.ts";
import { ProcessMemory } from "./process_memory.ts";
import type { Measured } from "./run_figures.ts";

/** Whoever hears of figures. */
export type Tell = (figure: Figure) => void;

const LOGS = "logs";
/** The demo ends its own processes first, and gives them 8 s; milliseconds. */
const GRACE = 12_000;

/** Processes whose figures belong to one group; those that still run when it is disposed of are ended. */
export class Programs implements AsyncDisposable {
  readonly #group: string;
  readonly #tell: Tell;
  readonly #processes: Processes;
  readonly #memory: ProcessMemory;
  readonly #ended: Promise<void>[] = [];
  readonly #over = new AbortController();
  #asMeant = 0;

  constructor(options: { group: string; tell: Tell; device: string; signal: AbortSignal }) {
    this.#group = options.group;
    this.#tell = options.tell;
    const signal = AbortSignal.any([options.signal, this.#over.signal]);
    this.#processes = new Processes({ logs: LOGS, signal, grace: GRACE });
    this.#memory = new ProcessMemory(options.device);
  }

  /** Tells a figure of this group. */
  tell(figure: Measured): void {
    this.#tell({ group: this.#group, ...figure });
  }

  /** Starts `fedx ARGS --json`. @param options.memory the name under which its memory is told @default none */
  start(name: string, args: readonly string[], options: { memory?: string; killed?: true } = {}): Role {
    const role = this.#processes.start(name, args);
    if (options.memory !== undefined) this.#memory.add(options.memory, role.child.pid);
    this.#ended.push(this.#tellStatus(role, options.killed ? "SIGKILL" : 0));
    return role;
  }

  /** Starts a command and waits for what it prints. */
  async run(name: string, args: readonly string[]): Promise<Record<string, unknown>> {
    return await this.start(name, args).result;
  }

  async #tellStatus({ name, log, child, result }: Role, wanted: number | string): Promise<void> {
    const why = result.then(() => "it ended by itself", (error: Error) => error.message);
    const [{ code, signal }, reason] = await Promise.all([child.status, why]);
    const value = signal ?? code;
    if (value === wanted) return void this.#asMeant++;
    const lines = (await Deno.readTextFile(log).catch(() => "")).trim().split("\n");
    console.log([`--- the end of ${log}`, ...lines.slice(-30), "---"].join("\n"));
    if (this.#over.signal.aborted) return; // it was ended because another one had failed
    this.tell({ name: `exit status of ${name}`, value, bound: String(wanted), ok: false, reason });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort(new Error("ended with the others"));
    await this.#processes[Symbol.asyncDispose]();
    await Promise.all(this.#ended);
    const all = this.#ended.length, value = this.#asMeant;
    this.tell({ name: "processes that ended as they should", value, bound: String(all), ok: value === all });
    await this.#memory[Symbol.asyncDispose]();
    for (const figure of this.#memory.figures()) this.tell(figure);
  }
}
