// Why: what is found and what it means are apart, so that a test can hand in any finding.
import { readSystemError } from "../../output/system_error.ts";
import { isRefusal, sentence } from "../../../refusal.ts";

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

/** The check that an error stands for; `remedy` is told where the error has none of its own. */
export function failed(name: string, error: unknown, remedy: string): Check {
  if (isRefusal(error)) {
    const { what, expected, got } = error;
    return bad(name, sentence({ what, expected, got }), error.remedy ?? remedy);
  }
  const system = readSystemError(error);
  if (system?.path !== undefined) return bad(name, system.what, system.remedy);
  const text = (error instanceof Error ? error.message : String(error)).trim().replace(/\.$/, "");
  return bad(name, text, remedy);
}

/** Bytes as a person reads them. */
export function bytes(count: number): string {
  return count < 2 ** 30 ? `${Math.round(count / 2 ** 20)} MiB` : `${(count / 2 ** 30).toFixed(1)} GiB`;
}
