// Why: what is found and what it means are apart, so that a test can hand in any finding.
import { ProtocolError } from "../../../fed/protocol/errors.ts";

/** One thing looked at. `ok` is null for what could not be looked at. */
export interface Check {
  name: string;
  ok: boolean | null;
  detail: string;
  /** What to do; every failed check has one. */
  remedy?: string;
}

/** It is as it should be; `remedy` where something is soon to be done. */
export function good(name: string, detail: string, remedy?: string): Check {
  return { name, ok: true, detail, ...remedy !== undefined && { remedy } };
}

/** It will not work. */
export function bad(name: string, detail: string, remedy: string): Check {
  return { name, ok: false, detail, remedy };
}

/** It was not looked at. */
export function open(name: string, detail: string, remedy?: string): Check {
  return { name, ok: null, detail, ...remedy !== undefined && { remedy } };
}

/** The check that an error stands for: this program's errors end with their remedy, after `; ` or `: remedy`. */
export function failed(name: string, error: unknown, remedy: string): Check {
  if (error instanceof ProtocolError) {
    return bad(name, error.message.replace(/ \(remedy: .*\)$/s, ""), error.remedy);
  }
  const text = (error instanceof Error ? error.message : String(error)).trim().replace(/\.$/, "");
  const at = text.startsWith("Cannot ") ? text.lastIndexOf("; ") : -1;
  return at < 0 ? bad(name, text, remedy) : bad(name, text.slice(0, at), text.slice(at + 2));
}

/** Bytes as a person reads them. */
export function bytes(count: number): string {
  return count < 2 ** 30 ? `${Math.round(count / 2 ** 20)} MiB` : `${(count / 2 ** 30).toFixed(1)} GiB`;
}
