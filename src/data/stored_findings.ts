/**
 * The findings that a shard has stored of its films, and which of these a label rule makes positive.
 *
 * Why a shard may be unable to say: one of an older fedx tells that a film has some finding beside NIH's 14, and not
 * which. A rule that keeps all of those together, or names none of them, it can answer; for any other one it would guess.
 * That fedx counted words such as “Pleural Effusion” among those: they are NIH's findings all the same.
 */
import { type LabelRule, readRule } from "../label_rule.ts";
import { spelling } from "../spelling.ts";
import { FINDINGS, OTHER, storedName } from "./findings.ts";
import { othersStride, unpackOthers } from "./others.ts";

const NIH = FINDINGS.map(spelling);

/** A finding's name in one spelling, NIH's where there is one. */
const known = (name: string) => spelling(storedName(name));

/** A rule with its findings by these names, whoever wrote it. */
function ruleOf(text: string): LabelRule {
  const rule = readRule(text);
  return { ...rule, findings: rule.findings.map(known) };
}

/** A shard's findings. */
export class StoredFindings {
  /** (N) u16, one bit a finding of NIH's, bit 14 for all others. */
  readonly labels: Uint16Array;
  /** Names of the others. */
  readonly names: readonly string[];
  /** The same as {@linkcode known} has them, one a name. */
  readonly #known: readonly string[];
  /** (N × ceil(names / 8)) u8 as in `others.bits`; null where they are not stored by name. */
  readonly others: Uint8Array | null;
  readonly #stride: number;

  constructor(stored: { labels: Uint16Array; names: readonly string[]; others: Uint8Array | null }) {
    this.labels = stored.labels;
    this.names = stored.names;
    this.#known = stored.names.map(known);
    this.others = stored.others;
    this.#stride = othersStride(stored.names);
  }

  /** The first film whose other findings contradict its label, or have a bit without a name; −1 for none. */
  contradiction(): number {
    const { others, names } = this, stride = this.#stride;
    if (others === null) return -1;
    return this.labels.findIndex((label, film) => {
      const bits = others.subarray(film * stride, (film + 1) * stride);
      const nameless = names.length % 8 > 0 && bits[stride - 1] >> names.length % 8 > 0;
      return nameless || bits.some((byte) => byte > 0) !== (label & OTHER) > 0;
    });
  }

  /** A film's findings that are not NIH's, as `names` has them; null where they are not stored by name. */
  othersOf(film: number): string[] | null {
    const stride = this.#stride;
    if (this.others !== null) {
      return unpackOthers(this.others.subarray(film * stride, (film + 1) * stride), this.names);
    }
    return this.labels[film] & OTHER ? null : [];
  }

  /** Names of a rule that are known as “other” alone, so that the rule cannot be answered: none where it can. */
  unanswered(rule: string): string[] {
    if (this.others !== null || !this.labels.some((label) => label & OTHER)) return [];
    const named = this.#behindOther(ruleOf(rule));
    return named.length === new Set(this.#known).size ? [] : named;
  }

  /** Names of a rule that no film has: they may be misspelt. */
  absent(rule: string): string[] {
    const found = this.labels.reduce((all, label) => all | label, 0);
    const there = new Set([...NIH.filter((_, bit) => found >> bit & 1), ...this.#known]);
    return ruleOf(rule).findings.filter((name) => !there.has(name));
  }

  /** (N) u8: 1 for the films that the rule makes positive. It must be one that can be answered. */
  positives(rule: string): Uint8Array<ArrayBuffer> {
    const read = ruleOf(rule);
    if (read.kind === "any") return Uint8Array.from(this.labels, (label) => label ? 1 : 0);
    const listed = read.kind === "positive";
    const counts = (name: string) => read.findings.includes(name) === listed;
    const wanted = NIH.reduce((bits, name, bit) => counts(name) ? bits | 1 << bit : bits, 0);
    const { others } = this, stride = this.#stride;
    if (others === null) {
      const all = wanted | (this.#behindOther(read).length > 0 === listed ? OTHER : 0);
      return Uint8Array.from(this.labels, (label) => label & all ? 1 : 0);
    }
    const mask = new Uint8Array(stride);
    this.#known.forEach((name, at) => counts(name) && (mask[at >> 3] |= 1 << (at & 7)));
    return Uint8Array.from(this.labels, (label, film) => {
      if (label & wanted) return 1;
      return mask.some((byte, at) => byte & others[film * stride + at]) ? 1 : 0;
    });
  }

  /** A rule's findings that stand behind bit 14; where the shard has no names for it, all that are not NIH's. */
  #behindOther({ findings }: LabelRule): string[] {
    if (this.names.length === 0) return findings.filter((name) => !NIH.includes(name));
    return findings.filter((name) => this.#known.includes(name));
  }
}
