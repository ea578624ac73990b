import type { MaskedResult } from "../../fed/training/result.ts";

/** Whether a run's updates were masked, and for how many at least. @param saw who else has seen each update */
export function maskedText(masked: MaskedResult | null, saw: string): string {
  if (masked === null) return `no, ${saw}`;
  const { smallest, trust } = masked;
  return `yes, n = ${smallest}${
    trust === "ca" ? ", unless the CA's holder lies: no keys are pinned (fedx peers)" : ""
  }`;
}
