import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Facts, reportHtml, resultTable } from "../../../../src/cli/output/report/demo.ts";
import type { Evaluation } from "../../../../src/model/metrics/evaluation.ts";

const one = (auroc: number): Evaluation => ({
  auroc,
  se: 0.01,
  ci95: [auroc - 0.02, 1],
  images: 256,
  positives: 92,
});
const facts: Facts = {
  measured: {
    test: {
      stratified: 0.951,
      ci95: [0.94, 0.96],
      pooled: one(0.955),
      site_only: 0.616,
      local_stratified: 0.88,
      local_ci95: null,
    },
    silos: { a: one(0.95), "b<script>": one(0.96) },
    local: { a: one(0.87) },
    roc: { a: { fpr: [0, 0.1, 1], tpr: [0, 0.9, 1] } },
  },
  passes: 12,
  federated: {
    degraded: false,
    missing: {},
    rounds: 1,
    history: [
      { round: 1, auroc: 0.5, silos: { a: { auroc: 0.5, loss: 0.7 } }, seconds: 9.5 },
      { round: 2, auroc: 0.9, silos: { a: { auroc: 0.9, loss: 0.4 } }, seconds: null },
    ],
    bytes: 200 * 2 ** 20,
    init: { kind: "random", source: "random weights, seed 0", sha256: "" },
  },
  seconds: { films: 10, total: 300 },
};

Deno.test("resultTable shows every hospital, the stratified AUROC, the floor, rounds and bytes", () => {
  const text = resultTable(facts);
  for (
    const part of [
      "0.950",
      "[0.930, 1.000]",
      "0.870",
      "stratified",
      "0.951",
      "0.616",
      "1, 9.5 s on average",
      "200 MiB",
      "passes over the training films: 12, in the federation and alone",
    ]
  ) {
    assertStringIncludes(text, part);
  }
});

Deno.test("resultTable and reportHtml say first which hospital a degraded model lacks", () => {
  const federated = { ...facts.federated, rounds: 3, degraded: true, missing: { "b<script>": [2, 3] } };
  const line = "DEGRADED: this model was trained or tested without b<script> in rounds 2–3";
  assert(resultTable({ ...facts, federated }).startsWith(line));
  const html = reportHtml({ ...facts, federated });
  assertStringIncludes(html, line.replace("<script>", "&lt;script&gt;"));
  assert(!resultTable(facts).includes("DEGRADED") && !reportHtml(facts).includes("DEGRADED"));
});

Deno.test("reportHtml stands alone, escapes names, knows light and dark, says what it is not", () => {
  const html = reportHtml(facts);
  assertMatch(html, /^<!doctype html>/);
  assertEquals([...html.matchAll(/<svg /g)].length, 3);
  assertEquals(/(?:src|href)=|@import|url\(/.test(html), false);
  const addresses = [...html.matchAll(/https?:\/\/[^"\s<]+/g)].map(([address]) => address);
  assertEquals(new Set(addresses), new Set(["http://www.w3.org/2000/svg"]));
  assertEquals(html.includes("b<script>"), false);
  assertStringIncludes(html, "b&lt;script&gt;");
  assertStringIncludes(html, "prefers-color-scheme:dark");
  assertStringIncludes(html, "Research use only");
});

Deno.test("reportHtml draws a model's scores at the round that made it, and none where a hospital gave none", () => {
  const none = { round: 2, auroc: null, silos: { a: { auroc: null, loss: null } }, seconds: null };
  const gap = { ...facts.federated, history: [facts.federated.history[0], none] };
  const dots = (federated: Facts["federated"]) => {
    const [chart] = /<svg .*?<\/svg>/s.exec(reportHtml({ ...facts, federated }))!;
    return [...chart.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x));
  };
  assertEquals(dots(facts.federated), [60, 406]); // models 0 and 1, from the left end to the right one
  assertEquals(dots(gap).length, 1);
});
