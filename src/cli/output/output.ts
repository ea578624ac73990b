// Why: the one place that prints. Results go to stdout, everything else to stderr.

const encoder = new TextEncoder();
const write = (stream: { writeSync(bytes: Uint8Array): number }, text: string) => {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
};

type LogUpdate = ((text: string) => void) & { clear(): void; done(): void };

/** Prints results on stdout and progress on stderr: live lines on a terminal, plain ones otherwise. */
export class Output {
  readonly json: boolean;
  #live?: LogUpdate;
  #status = "";
  #shown = new Map<string, { at: number; done: number }>();

  constructor(options: { json: boolean }) {
    this.json = options.json;
  }

  /** Makes live lines possible where stderr is a terminal. */
  static async create(options: { json: boolean }): Promise<Output> {
    const output = new Output(options);
    if (Deno.stderr.isTerminal()) {
      const { createLogUpdate } = await import("log-update");
      const { default: process } = await import("node:process");
      output.#live = createLogUpdate(process.stderr) as unknown as LogUpdate;
    }
    return output;
  }

  /** The command's result: the object under --json, else the text. */
  result(data: unknown, text: string): void {
    this.clear();
    write(Deno.stdout, (this.json ? JSON.stringify(data) : text) + "\n");
  }

  /** One line on stderr that stays. Where stderr takes none, a full disk say, work goes on without. */
  line(text: string): void {
    this.#live?.clear();
    try {
      write(Deno.stderr, text + "\n");
    } catch {
      // There is nowhere left to say so.
    }
    if (this.#status !== "") this.#live?.(this.#status);
  }

  /** A line that is replaced by the next one; without a terminal it is not printed. */
  status(text: string): void {
    this.#status = text;
    this.#live?.(text);
  }

  /** Progress of one thing: a bar on a terminal until it is full, else a line at most every 10 s and at the end. */
  progress(label: string, done: number, total: number): void {
    const share = total > 0 ? Math.min(1, done / total) : 1;
    if (this.#live) {
      if (share === 1) return this.clear();
      const full = Math.round(share * 30);
      this.status(`${label} ${"█".repeat(full)}${"░".repeat(30 - full)} ${done}/${total}`);
      return;
    }
    const last = this.#shown.get(label);
    const now = performance.now();
    if (last?.done === done) return;
    const due = done >= total || (last !== undefined && now - last.at >= 10_000);
    if (due || last === undefined) this.#shown.set(label, { at: now, done });
    if (due) this.line(`${label} ${done}/${total}`);
  }

  /** Removes the live line. */
  clear(): void {
    this.#status = "";
    this.#live?.clear();
  }
}
