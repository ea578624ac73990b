/** One-line faults of masks, and of sums of what is masked, for list.ts. */
export const MASKED_SUMS = [
  {
    text: "masks.push({ key, adds: own.number < number });",
    fault: "masks.push({ key, adds: true });",
    tests: ["masks/golden_test.ts"],
  },
  {
    text: ".setBigUint64(BLOCK - 8, BigInt(first * 8 / BLOCK));",
    fault: ".setBigUint64(BLOCK - 8, 0n);",
    tests: ["masks/golden_test.ts"],
  },
  {
    text: "Uint8Array.of(...LABEL, ...Uint8Array.fromHex(row), ...Uint8Array.fromHex(roster))",
    fault: "Uint8Array.of(...LABEL, ...Uint8Array.fromHex(row))",
    tests: ["masks/write_masked_test.ts"],
  },
  {
    text: "if (secret.every((byte) => byte === 0)) throw noSecret(publicKey);",
    fault: "",
    tests: ["masks/key_pair_test.ts"],
  },
  {
    text: "if (Math.abs(product) < 2 ** 53) {",
    fault: "if (true) {",
    tests: ["maths/masked_sum_test.ts"],
  },
  {
    text: "if (!(Math.abs(value) < bound)) {",
    fault: "if (false) {",
    tests: ["maths/masked_sum_test.ts"],
  },
  {
    text: "const carry = ((x & y) | ((x | y) & ~low)) >>> 31;",
    fault: "const carry = (x & y) >>> 31;",
    tests: ["maths/masked_sum_test.ts"],
  },
];
