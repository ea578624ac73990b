/** What `bench/recipes.ts` keeps of a run. */
import type { Planned } from "./recipe_grid.ts";

/** Films of one set, and the last model's logits of them. */
export interface ScoredSet {
  labels: number[];
  patients: number[];
  /** The hospital's number. */
  strata: number[];
  scores: number[];
}

/** One run. */
export interface StoredRun {
  key: string;
  planned: Planned;
  /** As `machine()` says it. */
  machine: string;
  /** Films trained on. */
  films: number;
  /** Pixels a side. */
  size: number;
  seconds: number;
  sets: Record<string, ScoredSet>;
}

/** What tells runs apart: the settings in the order of their names. */
export function keyOf(planned: Planned): string {
  const entries = Object.entries(planned).filter(([, value]) => value !== undefined);
  return entries.toSorted(([a], [b]) => a < b ? -1 : 1)
    .map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(" ");
}

/** The runs of a file by their keys; none without it. */
export async function storedRuns(file: string): Promise<Map<string, StoredRun>> {
  const text = await Deno.readTextFile(file).catch(() => "");
  const runs = text.split("\n").filter((line) => line !== "").map((line): StoredRun => JSON.parse(line));
  return new Map(runs.map((run) => [run.key, run]));
}
