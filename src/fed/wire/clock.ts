/** How far two machines' clocks are apart: certificates are judged by each side's own. */

/** Seconds of difference from which on it is told: certificates are backdated by an hour, so this is early. */
const TELL = 120;

/**
 * Seconds by which the answering machine's clock is ahead of this one's, from an answer's `Date` header; null when it
 * has none. Right to a second and half the time between request and answer.
 * @param at this machine's wall clock when the request went out and when the answer came, milliseconds
 */
export function clockAhead(date: unknown, at: { sent: number; received: number }): number | null {
  const theirs = typeof date === "string" ? Date.parse(date) : NaN;
  // The header counts whole seconds that have passed.
  return Number.isNaN(theirs) ? null : (theirs + 500 - (at.sent + at.received) / 2) / 1000;
}

/** What is wrong when the clocks are more than `TELL` seconds apart, and what to do; else null. */
export function clockWarning(ahead: number | null): { problem: string; remedy: string } | null {
  if (ahead === null || Math.abs(ahead) <= TELL) return null;
  const size = Math.abs(ahead) < 7200
    ? `${Math.round(Math.abs(ahead) / 60)} min`
    : `${Math.round(Math.abs(ahead) / 3600)} h`;
  return {
    problem: `this machine's clock is ${size} ${ahead > 0 ? "behind" : "ahead of"} the aggregator's`,
    remedy: "set it (NTP): certificates are refused before and after their time",
  };
}
