import { assertEquals } from "@std/assert";
import { FINDINGS, isNoFinding, LABEL_LIMIT, labelBits } from "../../src/data/findings.ts";

Deno.test("labelBits: each NIH finding has its own bit, in fixed order", () => {
  FINDINGS.forEach((name, bit) => assertEquals(labelBits([name]), { bits: 1 << bit, unknown: [] }));
  assertEquals(FINDINGS.length, 14);
  assertEquals(labelBits(["Effusion", "Mass"]).bits, 0b10100);
});

Deno.test("labelBits: an empty list is No Finding, an unknown name goes to bit 14 and is listed", () => {
  assertEquals(labelBits([]), { bits: 0, unknown: [] });
  assertEquals(labelBits(["Abnormal", "Hernia"]), { bits: (1 << 14) | (1 << 13), unknown: ["Abnormal"] });
  assertEquals(labelBits([...FINDINGS, "x"]).bits, LABEL_LIMIT - 1);
});

Deno.test("labelBits and isNoFinding: case, blanks and underscores do not matter", () => {
  assertEquals(labelBits(["pleural thickening"]).bits, labelBits(["Pleural_Thickening"]).bits);
  assertEquals(isNoFinding(" no finding"), true);
  assertEquals(isNoFinding("Finding"), false);
});
