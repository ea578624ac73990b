import { assertEquals, assertNotEquals } from "@std/assert";
import { settled } from "./transcript.ts";

Deno.test("a transcript agrees whatever the time, the figures, their widths and the order of silos", () => {
  const one = "2026-11-28T19:10:40Z b scored: AUROC 0.512\n2026-11-28T19:10:41Z a scored: AUROC 0.498\n" +
    "round 1 of 2 took 9.5 s, with\nweights 024136b00bb6\n";
  const other = "2027-01-02T09:10:40Z a scored: AUROC 0.6\n2027-01-02T09:10:41Z b scored: AUROC 0.7\n" +
    "prepare 12/30\nround 1 of 2 took 1:02 min,\nwith weights ffff36b00bb6\n";
  assertEquals(settled(other), settled(one));
});

Deno.test("a transcript agrees whichever model was selected, and for whichever reason", () => {
  const reasons = [
    "model of round 2 selected (val AUROC 0.566; the best of 3 models by val AUROC)\nend",
    "the start itself selected (val AUROC 0.6; the latest of 3 models within half a standard error (0.041) of the best " +
    "val AUROC, 0.634 of round 1)\nend",
    "model of round 1 selected (val AUROC 0.6; the latest of 3 models within a standard error (0.041) of the best " +
    "val AUROC, 0.7 of the start)\nend",
  ];
  assertEquals(
    reasons.map((text) => settled(text).join(" ")),
    Array(3).fill("MODEL selected (val AUROC N.N; REASON) end"),
  );
});

Deno.test("a transcript does not agree with another word, a line more or less, or another count", () => {
  const text = "a joined: 96 training images, cpu, 2 threads\n2 of 3 joined\nplan\n";
  for (const other of [text.replace("joined", "left"), text.replace("96", "97"), `${text}more\n`, "plan\n"]) {
    assertNotEquals(settled(other), settled(text));
  }
});
