/** The program on a real pseudo-terminal: what a person sees there, line by line, at a width. */
import type { Terminal } from "@xterm/headless";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { program } from "./program.ts";

// The package's ES module exports nothing by name under Deno, so its CommonJS one is loaded.
const xterm: { Terminal: typeof Terminal } = createRequire(import.meta.url)("@xterm/headless");

const ROWS = 60;
/** Longest that a test waits for what is to appear, ms. */
const PATIENCE = 90_000;

export interface TerminalOptions {
  cwd: string;
  /** @default 80 */
  columns?: number;
  env?: Record<string, string>;
  /** The command. @default the program */
  command?: readonly string[];
}

/** What stood on the terminal when the program had ended. */
export interface Seen {
  code: number;
  /** Every line, scrolled away ones included, without trailing spaces; a line that the terminal broke is two. */
  lines: string[];
  /** The same, with each line that the terminal broke because it was too long made whole again. */
  whole: string[];
  /** The bytes as they came, escape sequences included. */
  raw: string;
}

/** A program that runs on a pseudo-terminal. */
export class OnTerminal {
  readonly #child: Deno.ChildProcess;
  readonly #terminal: Terminal;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #raw = "";
  #changed = Promise.withResolvers<void>();
  readonly finished: Promise<Seen>;

  private constructor(child: Deno.ChildProcess, columns: number) {
    this.#child = child;
    this.#keys = child.stdin.getWriter();
    this.#terminal = new xterm.Terminal({
      cols: columns,
      rows: ROWS,
      scrollback: 10_000,
      allowProposedApi: true,
    });
    this.finished = this.#read();
  }

  /** Starts the program with `args`. */
  static async start(args: readonly string[], options: TerminalOptions): Promise<OnTerminal> {
    const { columns = 80, cwd, env } = options;
    const { command, args: first } = await program();
    const base = options.command ?? [command, ...first];
    const script = fileURLToPath(new URL("on_terminal.py", import.meta.url));
    const child = new Deno.Command("python3", {
      args: [script, String(columns), String(ROWS), ...base, ...args],
      cwd,
      env: { DENO_NO_UPDATE_CHECK: "1", TERM: "xterm-256color", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    return new OnTerminal(child, columns);
  }

  async #read(): Promise<Seen> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      const text = decoder.decode(chunk, { stream: true });
      this.#raw += text;
      await new Promise<void>((resolve) => this.#terminal.write(text, resolve));
      const changed = this.#changed;
      this.#changed = Promise.withResolvers();
      changed.resolve();
    }
    const { code } = await this.#child.status;
    await this.#keys.close().catch(() => {});
    const seen = { code, ...this.#screen(), raw: this.#raw };
    this.#changed.reject(
      new Error(`the program ended with ${code}; on its terminal stood:\n${seen.lines.join("\n")}`),
    );
    this.#changed.promise.catch(() => {});
    this.#terminal.dispose();
    return seen;
  }

  #screen(): Pick<Seen, "lines" | "whole"> {
    const { active } = this.#terminal.buffer;
    const lines: string[] = [], whole: string[] = [];
    for (let at = 0; at < active.length; at++) {
      const line = active.getLine(at)!;
      const text = line.translateToString(true);
      lines.push(text);
      if (line.isWrapped) whole[whole.length - 1] += text;
      else whole.push(text);
    }
    const trimmed = (all: string[]) => all.slice(0, all.findLastIndex((text) => text !== "") + 1);
    return { lines: trimmed(lines), whole: trimmed(whole) };
  }

  /** Every line that stands there now. */
  get lines(): string[] {
    return this.#screen().lines;
  }

  /**
   * Waits until a line matches, and returns the match.
   *
   * @throws when the program ends before, or within a minute and a half no line does
   */
  async when(pattern: RegExp): Promise<RegExpMatchArray> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`no line ${pattern} on:\n${this.lines.join("\n")}`)),
      PATIENCE,
    );
    try {
      for (;;) {
        const changed = this.#changed.promise;
        const found = this.#screen().whole.map((line) => line.match(pattern)).find((match) => match !== null);
        if (found) return found;
        await Promise.race([changed, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Types keys: `"\x03"` is Ctrl-C. */
  async type(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  /** Sends the program a signal. */
  async kill(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(`!${signal}\n`));
  }
}

/** Runs the program to its end on a terminal. */
export async function onTerminal(args: readonly string[], options: TerminalOptions): Promise<Seen> {
  return await (await OnTerminal.start(args, options)).finished;
}
