// Why: a rule is typed as two options, of which one or none is given; the program knows it by one text.
import { storedName } from "../../data/findings.ts";
import { ANY_FINDING, ruleText } from "../../label_rule.ts";
import { isRefusal } from "../../refusal.ts";
import { UsageError } from "./usage_error.ts";

/** What the options say. */
export interface RuleValues {
  positive?: string[];
  exclude?: string[];
}

/** The label rule of some options: any finding where they say none. @throws {UsageError} for both, or a bad name */
export function labelRuleOf({ positive, exclude }: RuleValues): string {
  if (positive !== undefined && exclude !== undefined) {
    throw new UsageError(
      "Cannot use --positive with --exclude: expected one of them, got both; leave out one.",
    );
  }
  const [kind, names] = exclude === undefined
    ? ["positive", positive] as const
    : ["exclude", exclude] as const;
  if (names === undefined) return ANY_FINDING;
  try {
    return ruleText(kind, names.map(storedName));
  } catch (cause) {
    if (!isRefusal(cause)) throw cause;
    throw new UsageError(`Cannot read --${kind}: expected ${cause.expected}, got ${cause.got}.`, { cause });
  }
}
