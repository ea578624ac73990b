import type { AggregatorResult } from "../../fed/training/result.ts";

/** First line of a result that lacks a hospital somewhere, in words; nothing otherwise. */
export function degradedLine(
  result: Pick<AggregatorResult, "degraded" | "missing" | "rounds">,
): string[] {
  if (!result.degraded) return [];
  const parts = Object.entries(result.missing).map(([silo, rounds]) => {
    const closing = rounds.at(-1)! > result.rounds;
    const trained = rounds.filter((round) => round <= result.rounds);
    const where = [
      ...trained.length === 0 ? [] : [`${trained.length === 1 ? "round" : "rounds"} ${ranges(trained)}`],
      ...closing ? ["the closing phase"] : [],
    ];
    return `${silo} in ${where.join(" and ")}`;
  });
  return [
    `DEGRADED: this model was trained or tested without ${parts.join("; ")}`,
  ];
}

/** `1–3, 5` of increasing numbers. */
function ranges(rounds: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const round of rounds) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === round - 1) run[1] = round;
    else runs.push([round, round]);
  }
  return runs.map(([first, last]) => first === last ? String(first) : `${first}–${last}`).join(", ");
}
