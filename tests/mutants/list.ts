/**
 * One-line faults, each with the test files that must notice it (`task mutants`). They stand for what the suite holds
 * fast: a rewrite of tests that lets one of them live has lost a fact.
 */

import { MASKED_RUNS } from "./masked_runs.ts";
import { MASKED_SUMS } from "./masked_sums.ts";
import { AUDIT } from "./audit.ts";
import { EXACT_SUMS } from "./exact_sums.ts";

export interface Mutant {
  /** Text that stands once in src/ or native/; the file is found by it, so that a move needs no edit here. */
  text: string;
  /** What stands there instead. */
  fault: string;
  /** Names of test files (or the end of their paths) of which one at least must fail. */
  tests: string[];
}

const NATIVE = ["tests/native_test.ts"];

export const MUTANTS: readonly Mutant[] = [
  // What a model file holds.
  {
    text: "if (checked) checkWeights(entries, vector);",
    fault: "",
    tests: ["weights/model_digests_test.ts"],
  },
  {
    text: "if (checked) checkMetadata(entries);",
    fault: "",
    tests: ["weights/model_digests_test.ts"],
  },
  ...AUDIT,
  // Which films are positive.
  {
    text: "return named.length === new Set(this.#known).size ? [] : named;",
    fault: "return [];",
    tests: ["data/stored_findings_test.ts"],
  },
  {
    text: '["labelRule", labelRule, "other_labels"],',
    fault: "",
    tests: ["protocol/registration_test.ts"],
  },
  ...EXACT_SUMS,
  ...MASKED_SUMS,
  ...MASKED_RUNS,
  // Who may act as whom.
  {
    text: "if (named && isSigned(certificate, ca)) return;",
    fault: "if (named) return;",
    tests: ["pki/silo_peer_test.ts"],
  },
  {
    text: "if (proven.has(exactly)) return true;",
    fault: "if (proven.size > 0) return true;",
    tests: ["pki/peer_test.ts"],
  },
  {
    text: "if (usages.length !== 1 || usages[0] !== EKU[role]) {",
    fault: "if (!usages.includes(EKU[role])) {",
    tests: ["pki/silo_peer_test.ts"],
  },
  {
    text: "if (now >= notBefore && now <= notAfter) return null;",
    fault: "if (now >= notBefore) return null;",
    tests: ["pki/peer_test.ts"],
  },
  {
    text: "if (isAuthority(extensions) || !signs) throw",
    fault: "if (isAuthority(extensions) && !signs) throw",
    tests: ["pki/silo_peer_test.ts"],
  },
  {
    text: "if (number < this.#seen.number) {",
    fault: "if (number + 1 < this.#seen.number) {",
    tests: ["pki/admission_test.ts"],
  },
  {
    text: "if (!await crypto.subtle.verify(CURVE, await keyOf(options.ca), signature, signed)) {",
    fault: "if (signature.length === 0) {",
    tests: ["pki/revocation_test.ts"],
  },
  // What a silo agreed to.
  {
    text:
      'return expect(canonical(before) === canonical(row), `round ${round} as it was first told`, "another row");',
    fault: "return;",
    tests: ["silo/agreement_test.ts"],
  },
  {
    text: "expect((known ?? base) === base, `the model ${known} as the base of round ${round}`, base);",
    fault: "",
    tests: ["silo/agreement_test.ts"],
  },
  {
    text: "expect(past.worked <= most, ",
    fault: "expect(past.worked <= 2 * most, ",
    tests: ["silo/agreement_test.ts", "attack/lying_budget_test.ts"],
  },
  {
    text: "if (past.counted === past.row.round) expect(from === ended,",
    fault: "if (past.counted === past.row.round) expect(from >= began,",
    tests: ["silo/agreement_test.ts"],
  },
  {
    text: "expect(row.score === score,",
    fault: "expect(true,",
    tests: ["silo/agreement_test.ts"],
  },
  {
    text: "!== undefined && stepsIn(state, round, silo) === 0;",
    fault: "!== undefined;",
    tests: ["aggregator/part_test.ts"],
  },
  {
    text: "if (masked === null && stepsIn(this.#run.state, row.round, silo) === 0) {",
    fault: "if (false) {",
    tests: ["aggregator/part_test.ts"],
  },
  {
    text: "if (patients >= fewest) return;",
    fault: "if (patients > 0) return;",
    tests: ["silo/limits_test.ts"],
  },
  // What leaves a hospital, and how models are chosen.
  {
    text: "export const MIN_CELL = 5;",
    fault: "export const MIN_CELL = 4;",
    tests: ["maths/histogram_test.ts"],
  },
  {
    text: "patients === 0 || patients >= MIN_CELL",
    fault: "patients >= 0 || patients >= MIN_CELL",
    tests: ["maths/histogram_test.ts"],
  },
  {
    text: "near.reduce((a, b) => b.round > a.round ? b : a)",
    fault: "near.reduce((a, b) => b.auroc > a.auroc ? b : a)",
    tests: ["maths/selection_test.ts"],
  },
  {
    text: "? { margin: se, words:",
    fault: "? { margin: se / 2, words:",
    tests: ["maths/selection_test.ts"],
  },
  {
    text: "const best = bestOf(rated);",
    fault: "const best = bestOf(held);",
    tests: ["maths/selection_test.ts"],
  },
  {
    text: "if ((auroc === null) === (se === null) && se !== 0) return;",
    fault: "if ((auroc === null) === (se === null)) return;",
    tests: ["aggregator/handlers_test.ts"],
  },
  {
    text: "if (diverged.length > 0) return",
    fault: "if (diverged.length === roster.length) return",
    tests: ["maths/selection_test.ts"],
  },
  {
    text: "won += tiedPositives * (negatives + tiedNegatives / 2);",
    fault: "won += tiedPositives * negatives;",
    tests: ["metrics/roc_test.ts"],
  },
  {
    text: "if (pairs === 0) return { auroc: null, se: NaN, ci95: null };",
    fault: "if (pairs === 0) return { auroc: 0.5, se: NaN, ci95: null };",
    tests: ["metrics/metrics_test.ts"],
  },
  // Frames, ranges, uploads.
  {
    text: "if (flags !== 0) throw",
    fault: "if (flags < 0) throw",
    tests: ["protocol/frame_test.ts"],
  },
  {
    text: "if (this.#busy.has(silo)) {",
    fault: "if (this.#busy.size > 9) {",
    tests: ["aggregator/inbox_test.ts"],
  },
  {
    text: "if (depth > MAX_DEPTH) throw refuse(path,",
    fault: "if (depth > 2 * MAX_DEPTH) throw refuse(path,",
    tests: ["files/canonical_test.ts"],
  },
  {
    text: "if (after < FEWEST || count <= after / 2) return;",
    fault: "if (after < FEWEST || count <= after) return;",
    tests: ["maths/skipped_test.ts"],
  },
  // A run's time.
  {
    text: 'if (now >= giveUp) return "given_up";',
    fault: "",
    tests: ["aggregator/budget_run_test.ts", "aggregator/quorum_test.ts"],
  },
  {
    text: "const AIM = 0.975;",
    fault: "const AIM = 1.05;",
    tests: ["maths/budget_simulated_test.ts", "maths/budget_test.ts"],
  },
  {
    text: "if (gap > this.#silence / 2) seen.heard += gap;",
    fault: "",
    tests: ["aggregator/attendance_test.ts"],
  },
  // Films and shards.
  {
    text: "home.set(patient, before === undefined || before === split ? split : null);",
    fault: "home.set(patient, split);",
    tests: ["data/split_test.ts"],
  },
  {
    text: "(_, i) => Math.round(words.getUint16(2 * i, true) / 257),",
    fault: "(_, i) => words.getUint16(2 * i, true) >> 8,",
    tests: ["data/decode_test.ts"],
  },
  {
    text: "return this.unusable > this.#options.limit * this.#options.rows;",
    fault: "return this.size >= 2 * this.#options.limit * this.#options.rows;",
    tests: ["data/prepare_test.ts"],
  },
  // Random draws and orders.
  {
    text: "k1 = (k1 + 0xbb67ae85) >>> 0;",
    fault: "k1 = (k1 + 0xbb67ae84) >>> 0;",
    tests: ["model/philox_test.ts"],
  },
  {
    text: "const j = mulHigh(random[i], i + 1);",
    fault: "const j = mulHigh(random[i], i);",
    tests: ["model/image_order_test.ts"],
  },
  // The engine.
  {
    text: "gradient[i] = -sign * weight * (recipe.gamma * hit * bce + miss);",
    fault: "gradient[i] = -sign * weight * (recipe.gamma * hit * bce + hit);",
    tests: NATIVE,
  },
  {
    text: "const T top = vmax[i] > vi ? vmax[i] : vi;",
    fault: "const T top = vi;",
    tests: NATIVE,
  },
  {
    text: "if (!std::isfinite(value) || !std::isfinite(size)) {",
    fault: "if (false) {",
    tests: NATIVE,
  },
  {
    text: "d.flip = r.flip && uniform(w[0]) < .5f;",
    fault: "d.flip = r.flip && uniform(w[0]) < .6f;",
    tests: NATIVE,
  },
  {
    text: "if (!at::isfinite(work_.statistics).all().item<bool>()) work_.statistics.copy_(kept_);",
    fault: "",
    tests: NATIVE,
  },
  {
    text: "key.seed += 0x9E3779B9;\n    key.silo += 0xBB67AE85;\n  }\n  return counter;",
    fault: "key.seed += 0x9E3779B9;\n  }\n  return counter;",
    tests: NATIVE,
  },
];
