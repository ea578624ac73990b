/** `fedx status` for people, in lines of 80 columns. */
import { wrap } from "../../options/wrap.ts";
import { moment } from "../moment.ts";
import { roughly, roundLine } from "../remaining.ts";
import { ago, type Hospital, type Status } from "./status.ts";

const WIDTH = 80;

/** A status in lines. @param now seconds since 1970 */
export function statusText(status: Status, now: number): string {
  const { role, last, silos } = status;
  const since = (at: string) => `${roughly(ago(at, now))} ago`;
  return [
    ...paragraph(`${role}: `, headline(status, since)),
    ...last === null ? [] : paragraph("last words: ", `${last.text} (${since(last.at)})`),
    ...hospitals(silos, since),
  ].join("\n");
}

/** A line for each hospital: its name, when it was heard last, and what. */
function hospitals(silos: readonly Hospital[], since: (at: string) => string): string[] {
  const rows = silos.map((
    { name, last },
  ) => [name, last === null ? "" : since(last.at), last?.text ?? "not heard of"]);
  const [first, second] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)) + 2);
  return rows.flatMap(([name, when, text]) =>
    paragraph(`  ${name.padEnd(first)}${when.padEnd(second)}`, text)
  );
}

/** A text whose further lines stand under its first word. */
function paragraph(label: string, text: string): string[] {
  const [word, ...words] = text.split(" ");
  return wrap([label + word, ...words], WIDTH, " ".repeat(label.length));
}

function headline(status: Status, since: (at: string) => string): string {
  const { state, finished, heard, last } = status;
  if (state === "finished") return `finished${finished === null ? "" : ` at ${moment(finished)}`}`;
  const at = where(status);
  if (state === "running") return at;
  const ended = `ended${heard === null ? "" : ` ${since(heard)}`}, ${at}`;
  // What made it fail comes first, and the last words have the remedy.
  return last?.text.startsWith("failed: ") ? ended : `${ended}; the same command goes on from there`;
}

/** Where the run is: who is waited for, or the round and the time left. */
function where({ phase, round, rounds, seconds_left: left, waiting }: Status): string {
  if (phase === "starting") return "starting";
  if (phase === "joining") return waiting ?? "before the first round";
  if (phase !== "round") return "closing";
  return roundLine(round, rounds, left);
}
