import { assertEquals } from "@std/assert";
import { FINDINGS, isNoFinding, LABEL_LIMIT, labelBits, nihName } from "../../src/data/findings.ts";

Deno.test("labelBits: each NIH finding has its own bit, in fixed order", () => {
  FINDINGS.forEach((name, bit) => assertEquals(labelBits([name]), 1 << bit));
  assertEquals(FINDINGS.length, 14);
  assertEquals(labelBits(["Effusion", "Mass"]), 0b10100);
});

Deno.test("labelBits: an empty list is No Finding, a name that is not NIH's sets bit 14", () => {
  assertEquals(labelBits([]), 0);
  assertEquals(labelBits(["Abnormal", "Hernia"]), (1 << 14) | (1 << 13));
  assertEquals(labelBits([...FINDINGS, "x"]), LABEL_LIMIT - 1);
});

Deno.test("labelBits: what other tables call an NIH finding has its bit", () => {
  const words = {
    "Pleural Effusion": "Effusion",
    "pleural effusion": "Effusion",
    "infiltrates": "Infiltration",
  };
  const more = { "pulmonary edema": "Edema", "Pulmonary fibrosis": "Fibrosis" };
  for (const [word, name] of Object.entries({ ...words, ...more })) {
    assertEquals([word, nihName(word), labelBits([word])], [word, name, labelBits([name])]);
  }
  assertEquals(nihName("Pleural Other"), undefined);
});

Deno.test("labelBits and isNoFinding: case, blanks and underscores do not matter", () => {
  assertEquals(labelBits(["pleural thickening"]), labelBits(["Pleural_Thickening"]));
  assertEquals(isNoFinding(" no finding"), true);
  assertEquals(isNoFinding("Finding"), false);
});
