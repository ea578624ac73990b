// Why: what an option and a command are, apart from which ones there are and from what is made of them.

/** Where the aggregator listens. */
export interface Address {
  host: string;
  port: number;
}

/** The kinds of option, each with what it is inside the program. */
export interface Kinds {
  text: string;
  /** Relative to the working folder, or to the folder of the settings file that names it. */
  path: string;
  integer: number;
  number: number;
  /** Seconds; written `90s`, `20m` or `1h`. */
  duration: number;
  flag: boolean;
  /** Names with commas between; a comma within a name is written `\,`. */
  list: string[];
  /** Paths, from an option or a last argument that may be repeated. */
  paths: string[];
  /** DNS names or addresses, from an option that may be repeated. */
  hosts: string[];
  /** A name that may stand in a certificate, as a key and as a folder. */
  name: string;
  /** `HOST:PORT`. */
  address: Address;
  /** `https://HOST:PORT`. */
  url: URL;
  /** `https://HOST:PORT`, or `http://HOST:PORT` where a link of another make speaks no TLS. */
  link: URL;
}

/** One `--option`, or one key of fedx.toml under the same name with `_` for `-`. */
export interface Option {
  kind: keyof Kinds;
  /** The value's name in help, e.g. `DIR`. */
  value?: string;
  /** One line without a full stop, for every list of options. */
  help: string;
  /** Whole sentences for `fedx help COMMAND`, `--help` and docs/commands.md. */
  more?: string;
  /** As it would be written on the command line. */
  default?: string | number | boolean;
  required?: true;
  choices?: readonly (string | number)[];
  /** Values of a path option that are words, not paths. */
  words?: readonly string[];
  /** Inclusive lower and upper bound of a number. */
  range?: readonly [number, number];
  /** What a refusal of a number names as an example. */
  such?: string;
  /** A number's bounds that it may not reach, in place of `range`. */
  between?: readonly [number, number];
  /** The value in the file that `fedx init` writes, `NAME` standing for the silo's name. @default `default` */
  sample?: string | number | boolean | readonly string[];
  /** `fedx init` writes the key for the operator to fill in; the others stand there as comments. */
  fill?: true;
  /** Only the command line may say it, never fedx.toml. */
  flagOnly?: true;
}

/** Options by their names, without the dashes. */
export type Options = Readonly<Record<string, Option>>;

/** One command: everything that parsing, help, fedx.toml and the documentation need. */
export interface Command {
  /** One line without a full stop. */
  summary: string;
  example: string;
  options: Options;
  /** Arguments without a name, in their order; all are required. Of the kind `paths`, the last one takes all that follow. */
  positional?: Options;
  /** Groups of options of which exactly one must be given. */
  either?: readonly (readonly string[])[];
  /** Groups of options of which at most one may be given. */
  apart?: readonly (readonly string[])[];
  /** By an option, those that must be given with it. */
  needs?: Readonly<Record<string, readonly string[]>>;
  /** The section of fedx.toml that holds this command's options. */
  section?: "run" | "silo";
  /** The same command goes on where a signal stopped it. */
  resumable?: true;
  /** It runs for long: its lines carry the time where they go to a file. */
  long?: true;
  /** What stdout's JSON object has at least under --json. */
  json: string;
}

/** Commands by their names, in the order in which help lists them. */
export type Table = Readonly<Record<string, Command>>;

/** What an option is inside the program. */
type Value<O extends Option> = O extends { choices: readonly (infer C)[] } ? C : Kinds[O["kind"]];

/** The typed values of some options: required and defaulted ones are there, the others may be missing. */
export type OptionValues<O extends Options> =
  & { -readonly [K in keyof O as O[K] extends Always ? K : never]: Value<O[K]> }
  & { -readonly [K in keyof O as O[K] extends Always ? never : K]?: Value<O[K]> };
type Always = { required: true } | { default: string | number | boolean };

/** What a command's `run` gets. */
export type Values<C extends Command> =
  & OptionValues<C["options"]>
  & (C extends { positional: infer P extends Options } ? { -readonly [K in keyof P]: Value<P[K]> } : unknown);

/** The same option for a command that can do without it. */
export function optional<O extends Option>(option: O): Omit<O, "required" | "default"> {
  const { required: _required, default: _default, ...rest } = option;
  return rest;
}

/** The key of an option in a settings file. */
export function keyOf(name: string): string {
  return name.replaceAll("-", "_");
}

/** The options of a command that a settings file may hold, under their names on the command line. */
export function inFile(command: Command): [string, Option][] {
  return Object.entries(command.options).filter(([, option]) => !option.flagOnly);
}
