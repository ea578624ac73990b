// Why: a value is read the same way from the command line and from fedx.toml, and refused in the same words.
import { checkName } from "../../fed/pki/ca.ts";
import { isHost } from "../../fed/pki/host.ts";
import { isRefusal } from "../../refusal.ts";
import { parseDuration } from "./duration.ts";
import { nearest } from "./nearest.ts";
import type { Address, Kinds, Option } from "./option.ts";
import { UsageError } from "./usage_error.ts";

type Refuse = (expected: string, got?: string) => never;
type Reader<T> = (raw: unknown, option: Option, refuse: Refuse) => T;

const READERS: { [K in keyof Kinds]: Reader<Kinds[K]> } = {
  text: readText,
  path: readPath,
  integer: readNumber,
  number: readNumber,
  duration(raw, _option, refuse) {
    try {
      return parseDuration(String(raw));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return refuse(error.expected, error.got);
    }
  },
  flag: (raw, _option, refuse) => typeof raw === "boolean" ? raw : refuse("true or false"),
  list(raw, _option, refuse) {
    const items = (Array.isArray(raw) ? raw.map(String) : splitAtCommas(String(raw))).map((item) =>
      item.trim()
    );
    const each = items.every((item, at) => item !== "" && items.indexOf(item) === at);
    return items.length > 0 && each ? items : refuse("names with commas between, each once");
  },
  paths: (raw, option, refuse) => [raw].flat().map((path) => readPath(String(path), option, refuse)),
  hosts: (raw, _option, refuse) => [raw].flat().map((host) => readHost(String(host), refuse)),
  name: (raw) => readName(String(raw)),
  address: (raw, _option, refuse) => readAddress(String(raw)) ?? refuse("HOST:PORT"),
  url(raw, _option, refuse) {
    const url = URL.parse(String(raw));
    return url?.protocol === "https:" ? url : refuse("https://HOST:PORT");
  },
  link(raw, _option, refuse) {
    const url = URL.parse(String(raw));
    return /^https?:$/.test(url?.protocol ?? "") ? url! : refuse("https://HOST:PORT or http://HOST:PORT");
  },
};

/**
 * One value in the program's own form: durations in seconds, lists split at commas.
 * `raw` is a word of the command line, or a value of fedx.toml.
 *
 * @throws {UsageError} naming the option, what it takes and what it got.
 */
export function readValue(label: string, option: Option, raw: unknown): unknown {
  const refuse: Refuse = (expected, got = JSON.stringify(raw)) => {
    throw new UsageError(`Cannot read ${label}: expected ${expected}, got ${got}.`);
  };
  return READERS[option.kind](raw, option, refuse);
}

/** A comma within a name is written `\,`. */
export function splitAtCommas(text: string): string[] {
  return text.split(/(?<!\\),/).map((item) => item.replaceAll("\\,", ","));
}

function readText(raw: unknown, option: Option, refuse: Refuse): string {
  if (typeof raw !== "string" || raw === "") return refuse(option.value ?? "a text");
  const choices = option.choices?.map(String);
  if (choices === undefined || choices.includes(raw)) return raw;
  const near = nearest(raw, choices);
  return refuse(choices.join(", ") + (near ? ` (the nearest is ${near})` : ""));
}

/** `-` is standard input where the option says so; results go to standard output as text or under --json, files by name. */
function readPath(raw: unknown, option: Option, refuse: Refuse): string {
  const path = readText(raw, option, refuse);
  if (option.words?.includes(path)) return path;
  return path === "-" ? refuse("the name of a file or folder (./- for one of that name)") : path;
}

function readNumber(raw: unknown, option: Option, refuse: Refuse): number {
  const number = typeof raw === "number" ? raw : String(raw).trim() === "" ? NaN : Number(raw);
  if (option.choices) return option.choices.includes(number) ? number : refuse(option.choices.join(" or "));
  if (option.between) {
    const [low, high] = option.between;
    return number > low && number < high ? number : refuse(`a number above ${low} and below ${high}`);
  }
  const [low, high] = option.range ?? [-Infinity, Infinity];
  const whole = option.kind === "integer";
  const fits = whole ? Number.isInteger(number) : Number.isFinite(number);
  if (fits && number >= low && number <= high) return number;
  const such = option.such === undefined ? "" : `, such as ${option.such}`;
  return refuse(`${whole ? "a whole number" : "a number"} from ${low} to ${high}${such}`);
}

function readName(name: string): string {
  try {
    checkName(name);
    return name;
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message}; choose another name.`, { cause });
  }
}

function readHost(host: string, refuse: Refuse): string {
  if (isHost(host)) return host;
  return refuse(
    "a DNS name or an address such as hub.example or 10.0.0.7, without scheme and port",
    JSON.stringify(host),
  );
}

/** `HOST:PORT`, `[::1]:PORT`; port 0 lets the system choose. */
function readAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  return match && port <= 65535 ? { host: match[1] ?? match[2], port } : undefined;
}
