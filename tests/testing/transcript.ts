/**
 * What a process printed, compared with the transcript that a page shows of it.
 *
 * Times, digests, ports, speeds and scores differ from run to run, so they are masked on both sides; every other
 * word must agree, and none may be missing or more. Written anew with FEDX_TRANSCRIPTS=write.
 */
import { assertEquals } from "@std/assert";
import { ROOT } from "./pages.ts";

// deno-lint-ignore no-control-regex -- that is what colours and cursor movements are
const CONTROL = /\x1b\[[0-9;?]*[a-zA-Z]/g;

/** Pairs of a pattern and what stands for every match of it. */
const MASKS: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?/g, "TIME"],
  [/\b\d{4}-\d\d-\d\d\b/g, "DATE"],
  [/\b[0-9a-f]{12,64}\b/g, "HEX"],
  [/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT"],
  [/\b\d+(:\d\d)?(\.\d+)? (ms|s|min|h)\b/g, "DURATION"],
  [/\b\d+(\.\d+)? (KiB|MiB|GiB|MB|GB)\b/g, "SIZE"],
  [/\b\d+ threads?\b/g, "THREADS"],
  [/\bseed(:?) +\d+/g, "seed$1 SEED"],
  [/\b(model of round \d+|the start itself) selected\b/g, "MODEL selected"],
  [/; the (best|latest) of \d+ models [^;]*?(by val AUROC|of the start|of round \d+)\)/g, "; REASON)"],
  [/[+-]?\b\d*\.\d+\b/g, "N.N"],
];

/** Lines that come more or less often on a slower machine, and those that hang on which model was selected. */
const LEFT_OUT: readonly RegExp[] = [
  /^the run is over; now the start model is scored /,
  /^\(nothing more is sent\)$/,
  /^the start itself was selected: /,
  /^the start model was scored here /,
  /^(TIME )?(round )?.*\b\d+\/\d+( images)?$/, // progress
];
/** Lines that say again what they have said before, once a minute. */
const ONCE = /\b\d+ of \d+ joined\b/;

/**
 * The words of a text, masked: where its lines break hangs on how long the figures in them are. Lines of several silos that
 * follow each other in any order are sorted before.
 */
export function settled(text: string): string[] {
  const plain = text.replaceAll(CONTROL, "").trimEnd();
  const masked = MASKS.reduce((all, [pattern, mask]) => all.replaceAll(pattern, mask), plain);
  const lines = masked.split("\n").map((line) => line.trimEnd())
    .filter((line) => !LEFT_OUT.some((pattern) => pattern.test(line)));
  const once = lines.filter((line, index) => !ONCE.test(line) || lines.indexOf(line) === index);
  return inOrder(once).join(" ").split(/ +/);
}

/** Sorts each stretch of lines that begin with a silo's name. */
function inOrder(lines: readonly string[]): string[] {
  const sorted: string[] = [];
  let stretch: string[] = [];
  for (const line of [...lines, undefined]) {
    if (line !== undefined && /^(TIME )?[a-c] /.test(line)) stretch.push(line);
    else {
      sorted.push(...stretch.sort());
      stretch = [];
      if (line !== undefined) sorted.push(line);
    }
  }
  return sorted;
}

/** The blocks `text NAME` of a page, compared with what was printed. */
export class Transcripts {
  readonly #path: string;
  readonly #printed = new Map<string, string>();

  /** @param page such as "docs/getting-started.md" */
  constructor(page: string) {
    this.#path = `${ROOT}${page}`;
  }

  /** Takes what a step printed. */
  take(name: string, printed: string): void {
    this.#printed.set(name, printed);
  }

  /** Compares every step that was taken with its block, or writes the blocks. */
  async check(): Promise<void> {
    const writing = Deno.env.get("FEDX_TRANSCRIPTS") === "write";
    let text = await Deno.readTextFile(this.#path);
    for (const [name, printed] of this.#printed) {
      const block = new RegExp(`(^\`\`\`text ${name}\\n)([^]*?)(^\`\`\`$)`, "m");
      const shown = text.match(block)?.[2];
      if (shown === undefined) throw new Error(`${this.#path} has no block “text ${name}” for:\n${printed}`);
      if (!writing) assertEquals(settled(printed), settled(shown), name);
      else {
        const plain = printed.replaceAll(CONTROL, "").trimEnd();
        text = text.replace(block, (_all, head, _shown, foot) => `${head}${plain}\n${foot}`);
      }
    }
    if (writing) await Deno.writeTextFile(this.#path, text);
  }
}
