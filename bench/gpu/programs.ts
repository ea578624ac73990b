/** The processes of fedx that a stage starts: each tells its exit status and its memory as figures. */
import { Processes, type Role } from "../../src/cli/commands/demo/processes.ts";
import type { Figure } from "../../tools/gpu/figures.ts";
import { ProcessMemory } from "./process_memory.ts";
import type { Measured } from "./run_figures.ts";

/** Whoever hears of figures. */
export type Tell = (figure: Figure) => void;

const LOGS = "logs";

/** Processes whose figures belong to one group; those that still run when it is disposed of are ended. */
export class Programs implements AsyncDisposable {
  readonly #group: string;
  readonly #tell: Tell;
  readonly #processes: Processes;
  readonly #memory: ProcessMemory;
  readonly #ended: Promise<void>[] = [];

  constructor(options: { group: string; tell: Tell; device: string; signal: AbortSignal }) {
    this.#group = options.group;
    this.#tell = options.tell;
    this.#processes = new Processes({ logs: LOGS, signal: options.signal });
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

  async #tellStatus({ name, log, child }: Role, wanted: number | string): Promise<void> {
    const { code, signal } = await child.status;
    const value = signal ?? code, ok = value === wanted;
    const figure = { name: `exit status of ${name}`, value, bound: String(wanted), ok };
    if (ok) return this.tell(figure);
    const text = await Deno.readTextFile(log).catch(() => "");
    console.log(`--- the end of ${log}\n${text.trim().split("\n").slice(-30).join("\n")}\n---`);
    this.tell({ ...figure, reason: text.trim().split("\n").at(-1) ?? "it said nothing" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes[Symbol.asyncDispose]();
    await Promise.all(this.#ended);
    await this.#memory[Symbol.asyncDispose]();
    for (const figure of this.#memory.figures()) this.tell(figure);
  }
}
