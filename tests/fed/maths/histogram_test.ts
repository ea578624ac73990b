import { assert, assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { checkHistogram, mergedHistogram, pooledInterval } from "../../../src/fed/maths/histogram.ts";
import { testResult } from "../../../src/fed/training/result.ts";
import { auroc } from "../../../src/model/metrics/metrics.ts";
import { PURPOSE, uniforms } from "../../../src/model/philox.ts";

const bins = { bins: 62, low: -8, high: 8 } as const;

/** Films of one hospital: about half with a finding, patients with up to four films, logits apart by `shift`. */
function hospital(seed: number, n: number, shift: number) {
  const draw = (element: number) =>
    uniforms({ seed, silo: element }, { purpose: PURPOSE.phantom, position: 1 }, n);
  const [a, b, c, d] = [1, 2, 3, 4].map(draw);
  const labels = Uint8Array.from(a, (x) => x < 0.4 ? 1 : 0);
  const logits = b.map((x, i) => (x + c[i] - 1) * 9 + (labels[i] ? 1.5 : -1.5) + shift);
  return { logits, labels, patients: Uint32Array.from(d, (x) => Math.floor(x * n / 2)) };
}

function figures(split: ReturnType<typeof hospital>) {
  const positives = split.labels.reduce((sum, x) => sum + x, 0);
  const histogram = mergedHistogram(split, bins);
  return {
    ...{ auroc: auroc(split.logits, split.labels), se: 0.01, images: split.labels.length },
    ...{ positives, negatives: split.labels.length - positives },
    ...histogram === null ? {} : { histogram },
  };
}

/** Distinct patients with films of a class in the bins [from, to). */
function patientsIn(split: ReturnType<typeof hospital>, label: number, [from, to]: [number, number]): number {
  const bin = (logit: number) => logit < -8 ? 0 : logit >= 8 ? 63 : 1 + Math.floor((logit + 8) / 16 * 62);
  const films = [...split.patients.keys()].filter((i) =>
    split.labels[i] === label && bin(split.logits[i]) >= from && bin(split.logits[i]) < to
  );
  return new Set(films.map((i) => split.patients[i])).size;
}

Deno.test("mergedHistogram: every class cell has no patient or at least 5, and no film is lost", () => {
  for (let seed = 0; seed < 20; seed++) {
    const split = hospital(seed, 100 + 20 * seed, 0);
    const { first, positives, negatives } = mergedHistogram(split, bins)!;
    for (const [i, from] of first.entries()) {
      for (const [label, films] of [negatives[i], positives[i]].entries()) {
        const patients = patientsIn(split, label, [from, first[i + 1] ?? 64]);
        assert(patients === 0 ? films === 0 : patients >= 5, `seed ${seed}, interval ${i}: ${patients}`);
      }
    }
    const { positives: p, negatives: n } = figures(split);
    checkHistogram({ first, positives, negatives }, {
      positives: p,
      negatives: n,
      auroc: figures(split).auroc,
      bins,
    });
  }
});

Deno.test("mergedHistogram leaves the fewest own pairs in one interval, as trying all mergings does", () => {
  const few = { bins: 8, low: -8, high: 8 } as unknown as typeof bins;
  const split = hospital(3, 120, 0);
  const bin = (logit: number) => Math.min(8, Math.max(-1, Math.floor((logit + 8) / 2))) + 1;
  const unknown = (first: number[]) => {
    let pairs = 0;
    for (const [k, from] of first.entries()) {
      const to = first[k + 1] ?? 10;
      const films = [...split.labels.keys()].filter((i) =>
        bin(split.logits[i]) >= from && bin(split.logits[i]) < to
      );
      const cells = [0, 1].map((label) => films.filter((i) => split.labels[i] === label));
      const patients = cells.map((cell) => new Set(cell.map((i) => split.patients[i])).size);
      if (patients.some((count) => count > 0 && count < 5)) return Infinity;
      pairs += cells[0].length * cells[1].length;
    }
    return pairs;
  };
  let least = Infinity;
  for (let cuts = 0; cuts < 2 ** 9; cuts++) {
    least = Math.min(least, unknown([0, ...[1, 2, 3, 4, 5, 6, 7, 8, 9].filter((b) => cuts >> (b - 1) & 1)]));
  }
  assert(Number.isFinite(least));
  assertEquals(unknown(mergedHistogram(split, few)!.first), least);
});

Deno.test("mergedHistogram: none with fewer than 20 patients of a class, however many films they have", () => {
  const n = 200;
  const split = hospital(5, n, 0);
  assert(mergedHistogram(split, bins) !== null);
  const crowd = { ...split, patients: split.patients.map((p, i) => split.labels[i] ? p % 19 : p + 100) };
  assertEquals(mergedHistogram(crowd, bins), null);
});

Deno.test("pooledInterval holds the exact pooled AUROC, and knows the pairs within a silo exactly", () => {
  for (let seed = 0; seed < 20; seed++) {
    const splits = [0, -2, 3].map((shift, i) => hospital(100 + 3 * seed + i, 150 + 40 * i, shift));
    const silos = Object.fromEntries(splits.map((split, i) => ["abc"[i], figures(split)]));
    const exact = auroc(
      splits.flatMap(({ logits }) => [...logits]),
      splits.flatMap(({ labels }) => [...labels]),
    );
    const { lower, upper } = pooledInterval(silos) as { lower: number; upper: number };
    assert(lower <= exact && exact <= upper, `${lower} ≤ ${exact} ≤ ${upper}`);
    assert(upper - lower < 0.2, `${upper - lower}`);
    const alone = pooledInterval({ a: silos.a }) as { lower: number; upper: number };
    assert(Math.abs(alone.lower - silos.a.auroc) < 1e-12 && Math.abs(alone.upper - silos.a.auroc) < 1e-12);
  }
});

Deno.test("testResult: pooled is null with a reason that names the small silo", () => {
  const { histogram: _, ...small } = figures(hospital(1, 60, 0));
  const result = testResult({ a: figures(hospital(2, 300, 0)), b: small });
  assertEquals(result.pooled, null);
  assert(/no histogram from b: fewer than 20/.test(result.pooled_reason!), result.pooled_reason);
});

Deno.test("checkHistogram refuses small cells, other sums, bins that do not rise, cells that are missing", () => {
  const good = { first: [0, 20, 40], positives: [0, 10, 20], negatives: [30, 5, 0] };
  const expected = { positives: 30, negatives: 35, auroc: 0.97, bins };
  checkHistogram(good, expected);
  for (
    const [change, message] of [
      [{ positives: [4, 6, 20] }, "fewer than 5"],
      [{ positives: [0, 10, 21] }, "30 positives"],
      [{ first: [0, 20, 20] }, "rise from 0"],
      [{ first: [1, 20, 40] }, "rise from 0"],
      [{ first: [0, 20, 64] }, "rise from 0"],
      [{ negatives: [35, 0] }, "3 cells"],
    ] satisfies [Partial<typeof good>, string][]
  ) {
    const error = assertThrows(
      () => checkHistogram({ ...good, ...change }, expected),
      ProtocolError,
    );
    assertEquals([error.code, error.message.includes(message)], ["wrong_counts", true], error.message);
  }
});

Deno.test("checkHistogram refuses an AUROC that its own films cannot have, and none at all", () => {
  const histogram = { first: [0, 20, 40], positives: [0, 10, 20], negatives: [30, 5, 0] };
  const expected = { positives: 30, negatives: 35, bins };
  // 1,000 of 1,050 pairs lie apart, each with the positive film above.
  for (const auroc of [1000 / 1050, 0.97, 1]) checkHistogram(histogram, { ...expected, auroc });
  for (const auroc of [0, 0.5, 1000 / 1050 - 1e-6, null]) {
    const error = assertThrows(() => checkHistogram(histogram, { ...expected, auroc }), ProtocolError);
    assertEquals([error.code, error.message.includes("0.952381 to 1.000000")], ["wrong_counts", true]);
  }
});
