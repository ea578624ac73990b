/** One-line faults of exact sums, and of what goes into them, for list.ts. */
export const EXACT_SUMS = [
  {
    text: "high[i] += examples * h;",
    fault: "high[i] += h;",
    tests: ["maths/exact_sum_test.ts"],
  },
  {
    text: "if (!(Math.abs(values[i]) < bound)) return i;",
    fault: "if (Math.abs(values[i]) >= bound) return i;",
    tests: ["maths/exact_sum_test.ts"],
  },
  {
    text: "place.fill(0, block.length, whole);",
    fault: "",
    tests: ["maths/lanes_test.ts"],
  },
  {
    text: "return bits[0] - 1;",
    fault: "return bits[0];",
    tests: ["maths/lanes_test.ts"],
  },
  {
    text: "...[...OP.nearest, ...get(5), ...OP.multiplyF64],",
    fault: "...[...get(5), ...OP.multiplyF64],",
    tests: ["maths/exact_sum_test.ts"],
  },
  {
    text: "const bound = Math.min(small, unchecked?.bound ?? Infinity);",
    fault: "const bound = small;",
    tests: ["maths/exact_sum_test.ts"],
  },
  {
    text: "const small = 2 ** Math.floor(Math.log2((2 ** 53 / total - 1) / factor));",
    fault: "const small = 2 ** Math.ceil(Math.log2((2 ** 53 / total - 1) / factor));",
    tests: ["maths/exact_sum_test.ts"],
  },
  {
    text: "unchecked: { bound: BOUNDS[block], check },",
    fault: "unchecked: { bound: BOUNDS.statistics, check },",
    tests: ["maths/exact_sum_test.ts"],
  },
  {
    text: "for (const { values } of parts) unchecked?.check(values, first);",
    fault: "",
    tests: ["maths/exact_sum_test.ts", "aggregator/fold_files_test.ts"],
  },
  {
    text: "while (totalExamples >= 2 ** (21 + lower)) lower++;",
    fault: "while (totalExamples > 2 ** (21 + lower)) lower++;",
    tests: ["maths/exact_sum_test.ts"],
  },
  {
    text: "for (const { reader, sha256 } of opened) reader.verify(sha256);",
    fault: "",
    tests: ["aggregator/fold_files_test.ts"],
  },
];
