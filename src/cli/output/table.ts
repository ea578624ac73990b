import Table from "cli-table3";

/** Rows under a head, as plain text; columns whose cells are numbers are set right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const right = head.map((_, column) => rows.every((row) => /^[\d.,–±[\] %-]*$/.test(row[column] ?? "")));
  const made = new Table({
    head: [...head],
    colAligns: right.map((yes) => yes ? "right" : "left"),
    style: { head: [], border: [], compact: true },
    chars: BORDERS,
  });
  made.push(...rows.map((row) => [...row]));
  return made.toString();
}

const BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: " ",
};

/** A score with three digits, or a dash. */
export function score(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(3);
}

/** A 95 % interval as `[.912, .954]`, or a dash. */
export function interval(value: readonly [number, number] | null | undefined): string {
  return value ? `[${score(value[0])}, ${score(value[1])}]` : "–";
}
