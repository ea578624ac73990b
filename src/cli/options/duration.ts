// Why: people write 20m, the program counts seconds; one place turns one into the other.

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Seconds of a written duration: `90s`, `20m`, `1h`, `1h30m`, or a bare number of seconds.
 *
 * @throws {SyntaxError} when the text is not a positive duration.
 */
export function parseDuration(text: string): number {
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)(s|m|h|d)/gy)];
  const whole = parts.map((part) => part[0]).join("") === text.trim();
  const seconds = whole && parts.length > 0
    ? parts.reduce((sum, part) => sum + Number(part[1]) * UNITS[part[2]], 0)
    : Number(text.trim() === "" ? NaN : text);
  if (!Number.isFinite(seconds) || seconds <= 0) {
    throw new SyntaxError(`Cannot read the duration: expected 90s, 20m or 1h, got ${JSON.stringify(text)}`);
  }
  return seconds;
}

/** Seconds as a person reads them: `8.2 s`, `1:34 min`, `2:05 h`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  if (minutes < 90) return `${minutes}:${two(Math.round(seconds) % 60)} min`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)} h`;
}
