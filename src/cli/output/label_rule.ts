// Why: a word in a rule that no film has changes in silence what a model learns; so every rule is said, and doubted, aloud.
import { FINDINGS, nihName } from "../../data/findings.ts";
import type { Shard } from "../../data/shard.ts";
import { ANY_FINDING, readRule } from "../../label_rule.ts";
import { nearest } from "../options/nearest.ts";

/** A rule as it is told: which films are positive. */
export function ruleWords(rule: string): string {
  const { kind, findings } = readRule(rule);
  const names = listed(findings);
  return kind === "any" ? "any finding" : kind === "positive" ? names : `any finding but ${names}`;
}

/** A line that says the rule, none for any finding: then nothing is told but what was always meant. */
export function ruleLines(rule: string): string[] {
  return rule === ANY_FINDING ? [] : [`positive films: ${ruleWords(rule)}`];
}

/** The warning of names that are not NIH's, which each hospital may or may not use; null where there are none. */
export function outsideNih(rule: string): string | null {
  const names = readRule(rule).findings.filter((name) => nihName(name) === undefined);
  if (names.length === 0) return null;
  const told = names.map((name) => {
    const near = nearest(name, FINDINGS.map((finding) => finding.toLowerCase()));
    return near ? `${name} (the nearest of NIH's is ${near})` : name;
  });
  return `the label rule names what is not NIH's: ${
    told.join(", ")
  }; films have it only where a hospital's own labels ` +
    "say the same word";
}

/** The warning of a rule's names that no film of these shards has; null where there are none. */
export function absentFindings(shards: readonly Pick<Shard, "findings">[], rule: string): string | null {
  const absent = shards.map(({ findings }) => findings.absent(rule));
  const names = absent[0].filter((name) => absent.every((one) => one.includes(name)));
  if (names.length === 0) return null;
  return `no film here has ${listed(names)}, which the label rule names; a misspelt word counts no film`;
}

function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
