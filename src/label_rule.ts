/**
 * The label rule: which findings make a film positive. Proposal, plan, registration and model file hold it as one text,
 * which is the same for every way of writing the same findings, so that two texts are equal where two rules are.
 *
 * `any-finding`: a film with any finding is positive. `positive:NAME,…`: one with at least one of these. `exclude:NAME,…`:
 * one with any finding but these. Names are sorted and in one spelling; `,` and `\` within a name have a `\` before them.
 *
 * Why names of any script, where other texts of the wire are ASCII: a finding is called what hospitals call it. Visible
 * characters alone pass, so that none acts on a terminal.
 */
import { isRefusal, refusal } from "./refusal.ts";
import { spelling } from "./spelling.ts";

/** The rule where nobody names another one. */
export const ANY_FINDING = "any-finding";

/** A rule taken apart; `findings` in one spelling, sorted, none for `any`. */
export interface LabelRule {
  kind: "any" | "positive" | "exclude";
  findings: readonly string[];
}

/** Most characters of a rule's text. */
const MOST = 1000;
/** Of a name: what is seen. */
const VISIBLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]+$/u;
const NO_FINDING = spelling("No Finding");

/**
 * The text of a rule whose findings are written in any spelling.
 *
 * @throws {RangeError} without a name, for a name that is none of a finding, and for more than 1,000 characters
 */
export function ruleText(kind: "positive" | "exclude", findings: readonly string[]): string {
  const names = [...new Set(findings.map(spelling))].sort();
  const bad = names.find((name) => !VISIBLE.test(name) || name === NO_FINDING || spelling(name) !== name);
  if (bad !== undefined) throw refuse("names of findings", JSON.stringify(bad));
  if (names.length === 0) throw refuse("names of findings", "none");
  const text = `${kind}:${names.map((name) => name.replaceAll(/[\\,]/g, "\\$&")).join(",")}`;
  if (text.length > MOST) throw refuse(`at most ${MOST} characters of names`, `${text.length}`);
  return text;
}

/**
 * Takes a rule's text apart.
 *
 * @throws {RangeError} for a text that {@linkcode ruleText} does not write
 */
export function readRule(text: string): LabelRule {
  if (text === ANY_FINDING) return { kind: "any", findings: [] };
  if (text.length > MOST) throw refuse(`at most ${MOST} characters`, `${text.length}`);
  const [, kind, list] = /^(positive|exclude):(.*)$/s.exec(text) ?? [];
  if (kind === undefined) throw refuse(`${ANY_FINDING}, positive:NAME,… or exclude:NAME,…`, cut(text));
  const rule: LabelRule = { kind: kind as "positive" | "exclude", findings: namesIn(list) };
  if (ruleText(rule.kind as "positive" | "exclude", rule.findings) === text) return rule;
  throw refuse("names in one spelling, sorted, each once", cut(text));
}

/** Whether a text is a rule's. */
export function isRule(text: string): boolean {
  try {
    readRule(text);
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return false;
  }
}

/** Names between commas, without the `\` before a character that is meant as it is. */
function namesIn(list: string): string[] {
  return list.split(/(?<!(?:^|[^\\])(?:\\\\)*\\),/).map((name) => name.replaceAll(/\\(.)/gsu, "$1"));
}

const cut = (text: string) => JSON.stringify(text.slice(0, 80));

const refuse = (expected: string, got: string) =>
  refusal(RangeError, { what: "Cannot use this label rule", expected, got, remedy: "correct the names" });
