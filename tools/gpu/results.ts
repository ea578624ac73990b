/** What came of `task gpu`: one object, which gpu.json has and gpu.txt shows. */
import type { Figure } from "./figures.ts";

/** How a stage ended. */
export interface StageResult {
  name: string;
  status: "done" | "failed" | "timed out" | "skipped";
  /** Of wall clock. */
  seconds: number;
  /** Seconds that it had. */
  limit: number;
  /** Why it is not done. */
  reason?: string;
  figures: Figure[];
}

/** All of it. */
export interface Results {
  fedx: string;
  /** Of the sources that the archive carries. */
  commit: string;
  device: "cuda" | "cpu";
  /** When it began, UTC. */
  began: string;
  stages: StageResult[];
}

/** Figures of the first stage that gpu.json has once more under a name of their own. */
const ABOUT = ["machine", "versions"] as const;

/** gpu.json. */
export function resultsJson(results: Results): string {
  const { stages, ...head } = results;
  const figures = stages.flatMap((stage) => stage.figures);
  const about = ABOUT.map((group) => {
    const own = figures.filter((figure) => figure.group === group);
    return [group, Object.fromEntries(own.map(({ name, value }) => [name, value]))];
  });
  return JSON.stringify({ ...head, ...Object.fromEntries(about), stages }, null, 2) + "\n";
}

/** The stages that should have reported and did not, in words; null where all did. */
export function shortfall({ stages }: Results): string | null {
  const named = (["failed", "timed out", "skipped"] as const).flatMap((status) => {
    const names = stages.filter((stage) => stage.status === status && stage.reason !== NOT_ASKED);
    if (names.length === 0) return [];
    return [`${status === "skipped" ? "not run" : status}: ${names.map(({ name }) => name).join(", ")}`];
  });
  return named.length === 0 ? null : named.join("; ");
}

/** Why a stage that `--only` leaves out is skipped: no failure. */
export const NOT_ASKED = "not named by --only";

/** What a stage's figures say against it; null for nothing. */
export function brokenBounds(figures: readonly Figure[]): string | null {
  const broken = figures.filter(({ ok }) => ok === false);
  if (broken.length === 0) return null;
  const [{ group, name }] = broken;
  const others = broken.length === 1 ? "" : ` and ${broken.length - 1} more`;
  return `not as promised: ${group}: ${name}${others}`;
}
