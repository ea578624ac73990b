// Why: the one place that prints. Results go to stdout, everything else to stderr.
import { writeAllSync } from "../../files/whole.ts";
import { breakLines } from "./break_lines.ts";

const encoder = new TextEncoder();

/** A stream that takes text; it throws where it takes none. */
export type Stream = (text: string) => void;
const streamOf = (file: Pick<Deno.FsFile, "writeSync">): Stream => (text) =>
  writeAllSync(file, encoder.encode(text));

/** A terminal's last lines, which are drawn again in place. */
export type LiveLines = ((text: string) => void) & { clear(): void; done(): void };

/** A line that shows something go on. */
export interface Ticking extends Disposable {
  /** Shows it at once, for there is more news than the time. */
  now(): void;
}

export interface OutputOptions {
  json: boolean;
  /** @default this process's */
  stdout?: Stream;
  stderr?: Stream;
  /** Given where stderr is a terminal. */
  live?: LiveLines;
  /** Columns of the terminal, where stdout or stderr is one. */
  columns?: { stdout?: () => number; stderr?: () => number };
  /** Milliseconds between two states of a ticking line: on a terminal, and as lines elsewhere. */
  pace?: { live: number; lines: number };
}

/** Prints results on stdout and progress on stderr: live lines on a terminal, plain ones otherwise. */
export class Output {
  readonly json: boolean;
  /** Whether lines that go to no terminal begin with the time; set by the commands that run for long. */
  timed = false;
  readonly #stdout: Stream;
  readonly #stderr: Stream;
  readonly #live?: LiveLines;
  readonly #columns: NonNullable<OutputOptions["columns"]>;
  readonly #pace: NonNullable<OutputOptions["pace"]>;
  #status = "";
  #shown = new Map<string, { at: number; done: number }>();

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.#stdout = options.stdout ?? streamOf(Deno.stdout);
    this.#stderr = options.stderr ?? streamOf(Deno.stderr);
    this.#live = options.live;
    this.#columns = options.columns ?? {};
    this.#pace = options.pace ?? { live: 1000, lines: 60_000 };
  }

  /** Makes live lines possible where stderr is a terminal. */
  static async create({ json }: { json: boolean }): Promise<Output> {
    const columns = {
      stdout: Deno.stdout.isTerminal() ? widthOfTerminal : undefined,
      stderr: Deno.stderr.isTerminal() ? widthOfTerminal : undefined,
    };
    if (columns.stderr === undefined) return new Output({ json, columns });
    const { createLogUpdate } = await import("log-update");
    const { default: process } = await import("node:process");
    // A hidden cursor would stay so where the program is killed.
    const live = createLogUpdate(process.stderr, { showCursor: true }) as unknown as LiveLines;
    return new Output({ json, columns, live });
  }

  /** The command's result: the object under --json, else the text. */
  result(data: unknown, text: string): void {
    this.clear();
    this.#stdout((this.json ? JSON.stringify(data) : fitted(text, this.#columns.stdout)) + "\n");
  }

  /** One line on stderr that stays. */
  line(text: string): void {
    const time = `${new Date().toISOString().slice(0, 19)}Z `;
    this.#print(this.timed && !this.#columns.stderr ? text.replaceAll(/^/gm, time) : text);
  }

  /** The sentence that a command ends with: a line of its own, without the time, that programs can match. */
  end(text: string): void {
    this.clear();
    this.#print(text);
  }

  /** Where stderr takes nothing, a full disk say, work goes on without. */
  #print(text: string): void {
    this.#live?.clear();
    try {
      this.#stderr(fitted(text, this.#columns.stderr) + "\n");
    } catch {
      // There is nowhere left to say so.
    }
    if (this.#status !== "") this.#draw();
  }

  #draw(): void {
    this.#live?.(fitted(this.#status, this.#columns.stderr));
  }

  /** A line that is replaced by the next one; without a terminal it is not printed. */
  status(text: string): void {
    this.#status = text;
    this.#draw();
  }

  /**
   * A line that shows something go on, until it is disposed of: on a terminal it is drawn again every second; elsewhere
   * it is printed now, and then once a minute.
   *
   * @param options.said a line that stays has just said it, so elsewhere it is printed a minute from now first
   */
  ticking(text: () => string, options: { said?: boolean } = {}): Ticking {
    let shown = "";
    const live = this.#live !== undefined;
    const show = () => {
      shown = text();
      if (live) this.status(shown);
      else this.line(shown);
    };
    const again = () => setInterval(show, live ? this.#pace.live : this.#pace.lines);
    let timer = again();
    if (live || !options.said) show();
    return {
      now() {
        clearInterval(timer);
        timer = again();
        show();
      },
      [Symbol.dispose]: () => {
        clearInterval(timer);
        if (live && this.#status === shown) this.clear();
      },
    };
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

const fitted = (text: string, columns?: () => number) =>
  columns === undefined ? text : breakLines(text, columns());

/** Asked each time: a window changes its size. */
function widthOfTerminal(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 80;
  }
}
