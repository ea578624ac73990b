/**
 * First-party stand-in for the part of `jsr:@std/cli` that this project uses (see assert.ts for when and why).
 *
 * Why not `node:util.parseArgs`: it knows no `negatable`, no `unknown` and no `collect` by key. The types are
 * plainer than the real ones: values are `any`, so callers narrow them.
 */

/** What `parseArgs` is told; the names and meanings of `@std/cli`. */
export interface ParseOptions {
  /** Options that take no value; false where they are not given. */
  boolean?: readonly string[];
  /** Options whose value stays text; `_` are the positional arguments. */
  string?: readonly string[];
  /** Options that may be given several times; `[]` where they are not given. */
  collect?: readonly string[];
  /** Options that `--no-NAME` sets to false. */
  negatable?: readonly string[];
  /** Hears of each option that is not listed, and of each positional argument; false drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Positional arguments in `_`, every option under its name. */
// deno-lint-ignore no-explicit-any
export type Args = { _: (string | number)[]; [key: string]: any };

const NUMBER = /^[-+]?(?:0x[0-9a-f]+|(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)$/i;
const convert = (text: string): string | number => NUMBER.test(text) ? Number(text) : text;

/**
 * Reads command-line arguments.
 *
 * @param args the arguments, without the program's name
 */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const parser = new Parser(options);
  const end = args.indexOf("--");
  const head = end < 0 ? args : args.slice(0, end);
  for (let i = 0; i < head.length; i++) {
    const arg = head[i];
    if (arg.startsWith("--")) i += parser.long(arg, head[i + 1]);
    else if (/^-[^-]/.test(arg) && !NUMBER.test(arg)) i += parser.short(arg, head[i + 1]);
    else parser.positional(arg);
  }
  for (const arg of end < 0 ? [] : args.slice(end + 1)) parser.positional(arg);
  return parser.finish();
}

class Parser {
  readonly #result: Args = { _: [] };
  readonly #given = new Set<string>();
  readonly #unknown: ParseOptions["unknown"];
  readonly #of: Record<"boolean" | "string" | "collect" | "negatable", Set<string>>;

  constructor({ boolean, string, collect, negatable, unknown }: ParseOptions) {
    this.#of = {
      boolean: new Set(boolean),
      string: new Set(string),
      collect: new Set(collect),
      negatable: new Set(negatable),
    };
    this.#unknown = unknown;
  }

  positional(arg: string): void {
    if (this.#unknown?.(arg) === false) return;
    this.#result._.push(this.#of.string.has("_") ? arg : convert(arg));
  }

  /** Reads one long option; returns how many further arguments it took. */
  long(arg: string, next?: string): number {
    const [, name, text] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? [arg, arg.slice(2)];
    if (text !== undefined) this.#set(name, this.#of.boolean.has(name) ? text !== "false" : text, arg);
    else if (name.startsWith("no-") && this.#of.negatable.has(name.slice(3))) {
      this.#set(name.slice(3), false, arg);
    } else return this.#value(name, arg, next);
    return 0;
  }

  /** Reads a group of short options such as `-vn3`; returns how many further arguments it took. */
  short(arg: string, next?: string): number {
    for (let at = 1; at < arg.length; at++) {
      const [name, rest] = [arg[at], arg.slice(at + 1)];
      if (rest === "") return this.#value(name, arg, next);
      if (NUMBER.test(rest) || /^\W/.test(rest)) {
        this.#set(name, rest.replace(/^=/, ""), arg);
        return 0;
      }
      this.#set(name, this.#of.string.has(name) ? "" : true, arg);
    }
    return 0;
  }

  /** Fills what was not given: false for booleans, [] for collected options. */
  finish(): Args {
    for (const key of this.#of.boolean) if (!this.#given.has(key)) this.#result[key] = false;
    for (const key of this.#of.collect) if (!this.#given.has(key)) this.#result[key] = [];
    return this.#result;
  }

  /** Gives an option its value: true, an empty text, or the next argument (then returns 1). */
  #value(name: string, arg: string, next?: string): number {
    const boolean = this.#of.boolean.has(name);
    const takes = next !== undefined &&
      (boolean ? next === "true" || next === "false" : !next.startsWith("-") || NUMBER.test(next));
    if (takes) this.#set(name, boolean ? next === "true" : next, arg);
    else this.#set(name, this.#of.string.has(name) ? "" : true, arg);
    return takes ? 1 : 0;
  }

  /** Stores one option, unless `unknown` refuses it. */
  #set(name: string, value: unknown, arg: string): void {
    const known = Object.values(this.#of).some((names) => names.has(name));
    if (!known && this.#unknown?.(arg, name, value) === false) return;
    const typed = typeof value === "string" && !this.#of.string.has(name) ? convert(value) : value;
    const collected = this.#of.collect.has(name);
    const before = collected && this.#given.has(name) ? this.#result[name] : [];
    this.#result[name] = collected ? [...before, typed] : typed;
    this.#given.add(name);
  }
}
