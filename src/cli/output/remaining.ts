/** How long a run still takes, as far as its rounds so far tell. Pure: every time comes in as seconds. */

/** How far a run has come. */
export interface Course {
  /** Rounds in all, null when only the budget limits the run. */
  rounds: number | null;
  /** Wall time of the run from the opening of round 1, null for none. */
  budget: number | null;
  /** Rounds that are done. */
  done: number;
  /** What a round takes: the median of the last few, null before one is done. */
  usual: number | null;
  /** Since round 1 opened; 0 before that. */
  elapsed: number;
  /** Since the open round opened; 0 between rounds. */
  open: number;
}

/** The course `passed` seconds later, in the same round. */
export function courseAfter(course: Course, passed: number): Course {
  return { ...course, elapsed: course.elapsed + passed, open: course.open + passed };
}

/**
 * Seconds until the run's end, 0 at least; null when nothing tells yet. The rounds that are left take what rounds took
 * so far; the budget ends a run that would take longer.
 */
export function secondsLeft({ rounds, budget, done, usual, elapsed, open }: Course): number | null {
  const left = [];
  if (budget !== null) left.push(budget - elapsed);
  if (rounds !== null && done >= rounds) left.push(0);
  else if (rounds !== null && usual !== null) {
    left.push(Math.max(0, usual - open) + (rounds - done - 1) * usual);
  }
  return left.length === 0 ? null : Math.max(0, Math.min(...left));
}

/** A time as somebody who waits wants it, rounded: `20 s`, `6 min`, `58 min`, `2 h`, `3 h 20 min`, `2 days`. */
export function roughly(seconds: number): string {
  if (Math.round(seconds) < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const tens = Math.round(minutes / 10) * 10;
  const hours = Math.floor(tens / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return tens % 60 === 0 ? `${hours} h` : `${hours} h ${tens % 60} min`;
}

/** `round 2 of 10, about 6 min left`, with what of it is known. */
export function courseLine(round: number, course: Course): string {
  return roundLine(round, course.rounds, secondsLeft(course));
}

/** The same of figures that are known. @param rounds null without a limit @param left seconds, null for unknown */
export function roundLine(round: number, rounds: number | null, left: number | null): string {
  const of = rounds === null ? "" : ` of ${rounds}`;
  return `round ${round}${of}${left === null ? "" : `, about ${roughly(left)} left`}`;
}
