/**
 * First-party stand-in for the part of `jsr:@std/cli` that this project uses (see assert.ts for when and why).
 *
 * Why not `node:util.parseArgs`: it knows no `negatable`, no `unknown` and no `collect` by key. The types are
 * plainer than the real ones: values are `any`, so callers narrow them.
 */

/** What `parseArgs` is told; the names and meanings of `@std/cli`. */
export interface ParseOptions {
  boolean?: boolean | string | readonly string[];
  string?: string | readonly string[];
  collect?: string | readonly string[];
  negatable?: string | readonly string[];
  alias?: Record<string, string | readonly string[]>;
  default?: Record<string, unknown>;
  stopEarly?: boolean;
  "--"?: boolean;
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Positional arguments in `_`, every option under its name and its aliases. */
// deno-lint-ignore no-explicit-any
export type Args = { _: (string | number)[]; "--"?: string[]; [key: string]: any };

const list = (value: string | readonly string[] | undefined): string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : [...value];
const NUMBER = /^[-+]?(?:0x[0-9a-f]+|(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)$/i;
const convert = (text: string): string | number => NUMBER.test(text) ? Number(text) : text;

/** Options resolved once: every lookup below is by canonical name or alias. */
class Rules {
  readonly allBoolean: boolean;
  readonly known: Set<string>;
  readonly #aliases = new Map<string, Set<string>>();
  readonly #sets: Record<"boolean" | "string" | "collect" | "negatable", Set<string>>;

  constructor(readonly options: ParseOptions) {
    for (const [key, value] of Object.entries(options.alias ?? {})) {
      const group = new Set([key, ...list(value)]);
      for (const name of group) this.#aliases.set(name, group);
    }
    const expand = (names: string[]) => new Set(names.flatMap((name) => [...this.group(name)]));
    this.allBoolean = options.boolean === true;
    this.#sets = {
      boolean: expand(typeof options.boolean === "boolean" ? [] : list(options.boolean)),
      string: expand(list(options.string)),
      collect: expand(list(options.collect)),
      negatable: expand(list(options.negatable)),
    };
    this.known = new Set([...this.#sets.boolean, ...this.#sets.string, ...this.#aliases.keys()]);
    for (const name of [...this.#sets.collect, ...this.#sets.negatable]) this.known.add(name);
  }

  group(name: string): Set<string> {
    return this.#aliases.get(name) ?? new Set([name]);
  }

  is(kind: "boolean" | "string" | "collect" | "negatable", name: string): boolean {
    return this.#sets[kind].has(name);
  }

  names(kind: "boolean" | "string" | "collect"): Iterable<string> {
    return this.#sets[kind];
  }
}

class Parser {
  readonly result: Args = { _: [] };
  readonly #given = new Set<string>();

  constructor(readonly rules: Rules) {}

  /** Stores one option under all its names, unless `unknown` refuses it. */
  set(name: string, value: unknown, arg: string): void {
    const { rules } = this;
    if (!rules.known.has(name) && rules.options.unknown && !rules.allBoolean) {
      if (rules.options.unknown(arg, name, value) === false) return;
    }
    const typed = typeof value === "string" && !rules.is("string", name) ? convert(value) : value;
    for (const key of rules.group(name)) {
      if (rules.is("collect", key) && this.#given.has(key)) this.#slot(key, (old) => [...list(old), typed]);
      else this.#slot(key, () => rules.is("collect", key) ? [typed] : typed);
      this.#given.add(key);
    }
  }

  positional(arg: string): void {
    if (this.rules.options.unknown && this.rules.options.unknown(arg) === false) return;
    this.result._.push(this.rules.is("string", "_") ? arg : convert(arg));
  }

  /** Fills what was not given: defaults, false for booleans, [] for collected options. */
  finish(): Args {
    const { rules } = this;
    for (const [name, value] of Object.entries(rules.options.default ?? {})) {
      for (const key of rules.group(name)) if (!this.#given.has(key)) this.#fill(key, value);
    }
    for (const key of rules.names("boolean")) {
      if (!this.#has(key)) this.#fill(key, rules.is("collect", key) ? [] : false);
    }
    for (const key of rules.names("collect")) if (!this.#has(key)) this.#fill(key, []);
    return this.result;
  }

  #has(key: string): boolean {
    return this.#given.has(key);
  }

  #fill(key: string, value: unknown): void {
    this.#slot(key, () => value);
    this.#given.add(key);
  }

  /** Dotted names make nested objects, as in `--run.lr 1`; a name on the prototype is refused. */
  #slot(key: string, next: (old: never) => unknown): void {
    const path = key.split(".");
    if (path.some((part) => part === "__proto__" || part === "constructor")) return;
    let holder = this.result as Record<string, unknown>;
    for (const part of path.slice(0, -1)) {
      if (typeof holder[part] !== "object" || holder[part] === null) holder[part] = {};
      holder = holder[part] as Record<string, unknown>;
    }
    const last = path.at(-1)!;
    holder[last] = next(holder[last] as never);
  }
}

/** Reads one long option at `args[i]`; returns how many further arguments it took. */
function long(parser: Parser, args: readonly string[], i: number): number {
  const { rules } = parser;
  const arg = args[i];
  const equals = arg.indexOf("=");
  if (equals > 2) {
    const name = arg.slice(2, equals);
    const text = arg.slice(equals + 1);
    const boolean = rules.allBoolean || rules.is("boolean", name);
    parser.set(name, boolean ? text !== "false" : text, arg);
    return 0;
  }
  const name = arg.slice(2);
  if (name.startsWith("no-") && rules.is("negatable", name.slice(3))) {
    parser.set(name.slice(3), false, arg);
    return 0;
  }
  return value(parser, { name, arg, next: args[i + 1] });
}

/** Gives an option its value: true, an empty text, or the next argument (then returns 1). */
function value(parser: Parser, option: { name: string; arg: string; next?: string }): number {
  const { rules } = parser;
  const { name, arg, next } = option;
  const boolean = rules.allBoolean || rules.is("boolean", name);
  if (boolean && (next === "true" || next === "false")) {
    parser.set(name, next === "true", arg);
    return 1;
  }
  if (!boolean && next !== undefined && (!next.startsWith("-") || NUMBER.test(next))) {
    parser.set(name, next, arg);
    return 1;
  }
  parser.set(name, rules.is("string", name) ? "" : true, arg);
  return 0;
}

/** Reads a group of short options such as `-vn3`; returns how many further arguments it took. */
function short(parser: Parser, args: readonly string[], i: number): number {
  const arg = args[i];
  const letters = arg.slice(1);
  for (let at = 0; at < letters.length; at++) {
    const name = letters[at];
    const rest = letters.slice(at + 1);
    if (rest.startsWith("=")) {
      parser.set(name, rest.slice(1), arg);
      return 0;
    }
    if (rest !== "" && (NUMBER.test(rest) || /^\W/.test(rest))) {
      parser.set(name, rest, arg);
      return 0;
    }
    if (rest === "") return value(parser, { name, arg, next: args[i + 1] });
    parser.set(name, parser.rules.is("string", name) ? "" : true, arg);
  }
  return 0;
}

/**
 * Reads command-line arguments.
 *
 * @param args the arguments, without the program's name
 */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const parser = new Parser(new Rules(options));
  const end = args.indexOf("--");
  const head = end < 0 ? args : args.slice(0, end);
  const tail = end < 0 ? [] : args.slice(end + 1);
  for (let i = 0; i < head.length; i++) {
    const arg = head[i];
    if (arg.startsWith("--")) i += long(parser, head, i);
    else if (/^-[^-]/.test(arg) && !NUMBER.test(arg)) i += short(parser, head, i);
    else {
      parser.positional(arg);
      if (options.stopEarly) {
        for (const rest of head.slice(i + 1)) parser.result._.push(rest);
        break;
      }
    }
  }
  if (options["--"]) parser.result["--"] = tail;
  else for (const arg of tail) parser.positional(arg);
  return parser.finish();
}
