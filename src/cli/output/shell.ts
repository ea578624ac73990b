import { wrap } from "../options/wrap.ts";

/** A word as a shell takes it back: quoted where it holds more than plain letters. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command as a shell takes it back, over several lines where one of `width` columns is too short. */
export function shellLines(words: readonly string[], width: number): string[] {
  return wrap(words, width - CONTINUED.length, "  ")
    .map((line, at, { length }) => at < length - 1 ? line + CONTINUED : line);
}

const CONTINUED = " \\";
