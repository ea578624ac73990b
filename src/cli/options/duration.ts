// Why: people write 20m, the program counts seconds; one place turns one into the other.
import { refusal } from "../../refusal.ts";

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Seconds of a written duration: `90s`, `20m`, `1h`, `1h30m`.
 *
 * @throws {SyntaxError} when the text is not a positive duration, or a bare number, of which nobody knows what it counts.
 */
export function parseDuration(text: string): number {
  const written = text.trim();
  const parts = [...written.matchAll(/(\d+(?:\.\d+)?)(s|m|h|d)/gy)];
  const whole = parts.map((part) => part[0]).join("") === written;
  const seconds = whole ? parts.reduce((sum, part) => sum + Number(part[1]) * UNITS[part[2]], 0) : 0;
  if (seconds > 0) return seconds;
  const bare = /^\d+(\.\d+)?$/.test(written) && Number(written) > 0;
  const kind = whole && parts.length > 0 ? "a duration above 0, such as" : "a duration such as";
  const expected = bare ? `${written}s, ${written}m or ${written}h` : "90s, 20m or 1h";
  throw refusal(SyntaxError, {
    what: "Cannot read the duration",
    expected: `${kind} ${expected}`,
    got: bare ? written : JSON.stringify(text),
  });
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
