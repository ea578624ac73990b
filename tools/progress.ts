/** Progress of the tools on stderr: one line redrawn on a terminal, now and then a line elsewhere. */

/** Without a terminal a passing line is printed this often, ms. */
const QUIET_MS = 5000;

/** Prints lasting lines and passing ones. */
export class Progress {
  #told = performance.now();
  #drawn = false;

  constructor(readonly terminal: boolean = Deno.stderr.isTerminal(), readonly quiet: number = QUIET_MS) {}

  /** A line that stays. */
  line(text: string): void {
    this.#write(`${this.#drawn ? "\r\x1b[K" : ""}fedx: ${text}\n`);
    this.#drawn = false;
  }

  /** A line that the next one replaces; without a terminal, at most one in `quiet`. */
  update(text: string): void {
    const now = performance.now();
    if (this.terminal) {
      this.#write(`\r\x1b[Kfedx: ${text}`);
      this.#drawn = true;
    } else if (now - this.#told >= this.quiet) {
      this.#told = now;
      this.line(text);
    }
  }

  /** Where stderr takes nothing, a terminal that is gone say, work goes on without. */
  #write(text: string): void {
    try {
      Deno.stderr.writeSync(new TextEncoder().encode(text));
    } catch {
      // There is nowhere left to say so.
    }
  }
}
