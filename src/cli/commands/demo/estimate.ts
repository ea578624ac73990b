// Why: the passes decide what the demo finds out; how long they take is said first, and only a limit may change them.
import { plural } from "../../../plural.ts";
import { refusal } from "../../../refusal.ts";
import type { Pace } from "./pace.ts";

/** Seconds of a round beside its training and scoring: models and updates on their way, the sum (docs/results.md). */
const EXCHANGE = 0.6;

/** Seconds of the passes together and of as many by each hospital alone. */
export function secondsOf(passes: number, { pass, start }: Pace): number {
  return 2 * (start + passes * pass) + passes * EXCHANGE;
}

/** What the demo was asked for. */
interface Asked {
  passes: number;
  /** Training films of each hospital. */
  films: number;
  /** The limit of the whole demo, if there is one. */
  minutes?: number;
  /** Seconds that the demo has taken until now. */
  elapsed: number;
}

/**
 * The passes that are made, and the lines that say so: all that were asked for, or as many as the limit has room for.
 *
 * @throws {Error} naming another limit, where there is no room for one
 */
export function planPasses(asked: Asked, pace: Pace): { passes: number; lines: string[] } {
  const { minutes, elapsed, films } = asked;
  const left = minutes === undefined ? Infinity : minutes * 60 - elapsed;
  let { passes } = asked;
  while (passes > 0 && secondsOf(passes, pace) > left) passes--;
  if (passes === 0) throw noRoom(minutes!, elapsed + secondsOf(1, pace));
  const lines = [
    `About ${about(secondsOf(passes, pace))} more on this machine: ${
      plural(passes, "pass", "passes")
    } over ` +
    `${films} films in each of three hospitals, then each alone.`,
  ];
  if (passes < asked.passes) {
    lines.unshift(
      `In ${plural(minutes!, "minute")} there is time for ${passes} of ${
        plural(asked.passes, "pass", "passes")
      } ` +
        "on this machine: fewer passes mostly mean a lower AUROC, and a faster or slower machine would make " +
        "another number of them.",
    );
  }
  return { passes, lines };
}

function noRoom(minutes: number, least: number): Error {
  return refusal(Error, {
    what: "Cannot run the demo in its --minutes",
    expected: `time for at least one pass, about ${about(least)} in all`,
    got: plural(minutes, "minute"),
    remedy: `give --minutes ${Math.ceil(least / 60)} or none, or fewer --films`,
  });
}

/** So exact as an estimate is: tens of seconds, then minutes. */
function about(seconds: number): string {
  if (seconds < 95) return `${Math.max(10, 10 * Math.round(seconds / 10))} seconds`;
  return `${Math.round(seconds / 60)} minutes`;
}
