/**
 * What a stage of `task gpu` measured, one JSON line a figure. A stage appends each line as soon as it has the figure,
 * so one that hangs or is killed later has lost none of them.
 */

/** One figure. */
export interface Figure {
  /** What it belongs to, such as "train 128 px, batch 32". */
  group: string;
  /** What it is of, such as "fedx fp16 graph". */
  name: string;
  /** Null where there is none; `reason` says why. */
  value: number | string | null;
  /** Such as "ms". */
  unit?: string;
  /** What was promised of it, such as "≤ 1e-3". */
  bound?: string;
  /** Whether it keeps the bound; one that does not makes its stage a failed one. */
  ok?: boolean;
  /** Why there is no value, or why it is not right. */
  reason?: string;
}

/** The variable that names the file to which a stage appends. */
export const FIGURES = "FEDX_GPU_FIGURES";

/** A figure as its line. What is no number in JSON, such as NaN, is kept as text. */
export function figureLine(figure: Figure): string {
  const { value } = figure;
  const kept = typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  return JSON.stringify({ ...figure, value: kept }) + "\n";
}

/** Appends a figure to the file that the environment names; without one, as in a test that runs alone, it does nothing. */
export function figure(figure: Figure): void {
  const path = Deno.env.get(FIGURES);
  if (path !== undefined) Deno.writeTextFileSync(path, figureLine(figure), { append: true });
}

/** The figures of a file's whole lines; a last line without its end was being written when the stage was killed. */
export function parseFigures(text: string): Figure[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.filter((line) => line !== "").map(parseLine);
}

function parseLine(line: string): Figure {
  try {
    const { group, name, value = null, ...more } = JSON.parse(line);
    if (typeof group === "string" && typeof name === "string") return { group, name, value, ...more };
  } catch {
    // said below
  }
  return { group: "lines that are no figure", name: line, value: null, ok: false, reason: "not a figure" };
}
