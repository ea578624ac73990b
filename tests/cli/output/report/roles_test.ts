import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { breakLines } from "../../../../src/cli/output/break_lines.ts";
import { hubEnd, hubPage } from "../../../../src/cli/output/report/hub.ts";
import { siloEnd, siloPage } from "../../../../src/cli/output/report/silo.ts";
import { type AggregatorResult, type SiloResult, testResult } from "../../../../src/fed/training/result.ts";

const counts = (images: number) => ({ images, patients: images - 4, positives: images / 2 });
const splits = { train: counts(400), val: counts(100), test: counts(200) };
const tested = (auroc: number | null) => {
  return { auroc, se: auroc === null ? null : 0.02, positives: 100, negatives: 100, images: 200 };
};
const init = { kind: "random", source: "random weights, seed 0", sha256: "aa" } as const;
const machine = { device: "cpu", threads: 2, build: "70be36" };
const rate = (value: number) => ({ value, ci95: [value - 0.05, value + 0.05] as [number, number] });

const silo: SiloResult = {
  of: { rounds: 3, silos: ["a", "b<i>"], init, label_rule: "any-finding" },
  degraded: false,
  missing: {},
  masked: { smallest: 3, trust: "pins" },
  rounds: 3,
  examples: 400,
  seconds: 90,
  images: { trained: 1200, scored: 500 },
  model: "my state/a/model.safetensors",
  sha256: "bb",
  file_sha256: "cc",
  test: tested(0.9),
  own: {
    threshold: { logit: 0.25, probability: 0.562 },
    sensitivity: rate(0.8),
    specificity: rate(0.7),
    start: tested(0.6),
    roc: { selected: { fpr: [0, 0.1, 1], tpr: [0, 0.9, 1] }, start: { fpr: [0, 1], tpr: [0, 1] } },
  },
  history: [{ round: 1, auroc: 0.6, loss: 0.7 }, { round: 2, auroc: 0.8, loss: 0.5 }],
  splits,
  machine,
};
const places = { silo: "a", shard: "shard-a", report: "my state/a/report.html" };

const hub: AggregatorResult = {
  degraded: false,
  missing: {},
  masked: { smallest: 3, trust: null },
  label_rule: "any-finding",
  rounds: 3,
  selection: { round: 3, auroc: 0.95, reason: "best", split: "val", note: "optimistic" },
  test: testResult({ a: tested(0.9), "b<i>": tested(0.8) }),
  seconds: 100,
  bytes: 2 ** 25,
  images: { trained: 2400, scored: 1000 },
  model: "state/model.safetensors",
  sha256: "bb",
  file_sha256: "dd",
  last_sha256: "bb",
  init,
  run: "0123",
  joined: { a: { splits, ...machine }, "b<i>": { splits, ...machine } },
  history: [{ round: 1, auroc: 0.5, silos: { a: { auroc: 0.5, loss: 0.7 } }, seconds: 9 }],
};

Deno.test("the end of train: interval, the federated model beside the start, the threshold, the files, the next command", () => {
  const text = siloEnd(silo, places);
  for (
    const line of [
      "federated model                 0.900   [0.861, 0.939]",
      "start model                     0.600   [0.561, 0.639]",
      "200 test films, 100 with a finding",
      "the start model was scored here after the run; its figures were sent to nobody",
      "threshold: logit 0.250 (probability 0.562), Youden's J on val",
      "on test: sensitivity 0.800 [0.750, 0.850], specificity 0.700 [0.650, 0.750]",
      "model: my state/a/model.safetensors",
      "report: my state/a/report.html",
      "fedx evaluate --model 'my state/a/model.safetensors' --shard shard-a",
      "fedx predict --model 'my state/a/model.safetensors' --images FOLDER \\\n        --out scores.csv",
    ]
  ) assertStringIncludes(text, line);
  assert(!text.includes("DEGRADED"));
});

Deno.test("both ends and both pages say whether updates were masked, for how many, and on whose word", () => {
  const ends = (masked: SiloResult["masked"]) => {
    const texts = [
      ...[siloEnd({ ...silo, masked }, places), siloPage({ ...silo, masked }, places)],
      ...[hubEnd({ ...hub, masked }, { state: "state", report: null }), hubPage({ ...hub, masked })],
    ];
    return texts.map((text) =>
      text.replaceAll(/<\/dt><dd>/g, ": ").replaceAll("&#39;", "'").replaceAll(/\s+/g, " ")
    );
  };
  for (const text of ends({ smallest: 4, trust: "pins" })) assertMatch(text, /masked: yes, n = 4(?!,)/);
  for (const text of ends({ smallest: 3, trust: null })) assertMatch(text, /masked: yes, n = 3(?!,)/);
  const byCa = ends({ smallest: 3, trust: "ca" });
  for (const text of byCa) assertStringIncludes(text, "masked: yes, n = 3, unless the CA's holder lies");
  const [end, page, ...hubs] = ends(null);
  for (const text of [end, page]) {
    assertStringIncludes(text, "masked: no, whoever runs the aggregator saw this hospital's");
  }
  for (const text of hubs) {
    assertStringIncludes(text, "masked: no, whoever runs this aggregator saw each hospital's");
  }
});

Deno.test("the end of train says first who was missing", () => {
  const text = siloEnd({ ...silo, degraded: true, missing: { "b<i>": [2] } }, places);
  assertStringIncludes(
    text.split("\n")[0],
    "DEGRADED: this model was trained or tested without b<i> in round 2",
  );
});

Deno.test("the end of train says why a figure is missing", () => {
  const own = { threshold: null, threshold_reason: "val is small", sensitivity: null, specificity: null };
  const roc = { selected: null, start: null };
  const few = {
    ...silo,
    test: tested(null),
    own: { ...own, start: null, start_reason: "it came late", roc },
  };
  const text = siloEnd(few, { ...places, report: null });
  assertStringIncludes(text, "too few patients of a class for an AUROC");
  assertStringIncludes(text, "the start model is not scored: it came late");
  assertStringIncludes(text, "threshold: none, since val is small");
  assert(!text.includes("report:"));
  assertStringIncludes(siloPage(few, places), "None, since val is small.");
  assertStringIncludes(siloEnd({ ...silo, sha256: "aa" }, places), "the start itself was selected");
});

Deno.test("the end of aggregate: an interval for each hospital, what certified and site only mean, files, what next", () => {
  const text = hubEnd(hub, { state: "state", report: "state/report.html" });
  for (
    const line of [
      "a                        0.900   [0.861, 0.939]",
      "pooled, certified: none, since there is no histogram from a, b<i>",
      "site only: the pooled AUROC of a score that knows nothing but the hospital",
      "last model: state/last.safetensors",
      "report: state/report.html",
      "--new --init state/last.safetensors",
    ]
  ) assertStringIncludes(text, line);
  const pooled = { ...hub, test: { ...hub.test, pooled: { lower: 0.8, upper: 0.9 } } };
  const certified = hubEnd(pooled, { state: "state", report: null }).replaceAll("\n", " ");
  assertStringIncludes(certified, "lies between these bounds for certain");
  const missing = { ...hub, degraded: true, missing: { a: [1] } };
  assertMatch(hubEnd(missing, { state: "state", report: null }), /^DEGRADED: .* without a in round 1\n/);
});

Deno.test("both ends fit 80 columns but for paths and digests", () => {
  const unknown = { reason: "val has fewer than 10 patients with a finding, or without one" };
  const own = { ...silo.own, threshold: null, threshold_reason: unknown.reason, start: null };
  const late = { ...own, start_reason: "this hospital came after round 1 and was never shown it" };
  const few = { ...silo, test: tested(null), own: late };
  for (
    const text of [siloEnd(silo, places), siloEnd(few, places), hubEnd(hub, { state: "s", report: "s/r" })]
  ) {
    const wide = text.split("\n").filter((line) => line.length > 80 && !/sha256|safetensors/.test(line));
    assertEquals(wide, []);
  }
});

const PAGES = { hub: hubPage(hub), silo: siloPage(silo, places) };

Deno.test("both reports stand alone, escape names and follow the reader's scheme", () => {
  for (const html of Object.values(PAGES)) {
    assertMatch(html, /^<!doctype html>/);
    assertEquals(/(?:src|href)=|@import|url\(|<script|<img/.test(html), false);
    const addresses = [...html.matchAll(/https?:\/\/[^"\s<]+/g)].map(([address]) => address);
    assertEquals(new Set(addresses), new Set(["http://www.w3.org/2000/svg"]));
    assertEquals(html.includes("b<i>"), false);
    for (const part of ["b&lt;i&gt;", "prefers-color-scheme:dark", "Research use only", "fedx 0."]) {
      assertStringIncludes(html, part);
    }
  }
});

Deno.test("both reports show curves, tables and counts of films, and name no path", () => {
  assertEquals([...PAGES.silo.matchAll(/<svg /g)].length, 3);
  assertEquals([...PAGES.hub.matchAll(/<svg /g)].length, 2);
  for (const html of Object.values(PAGES)) {
    for (const count of ["400", "100", "200"]) assertStringIncludes(html, `<td>${count}</td>`);
    assertEquals(/safetensors|shard-a|report\.html|state/.exec(html)?.[0], undefined);
  }
});

Deno.test("the hub's report holds what hospitals sent: no threshold, no start, no ROC", () => {
  assertEquals(/threshold|start model|>ROC on|sensitivity/.test(PAGES.hub), false);
});

Deno.test("a headline keeps all its figures where two are the same, such as those of a start that was selected", () => {
  const same = siloPage({ ...silo, own: { ...silo.own, start: silo.test } }, places);
  assertMatch(same, /headline">Test AUROC <b>0\.900<\/b> \[0\.861,\u00a00\.939\]; start model 0\.900<\/p>/);
  const few = { ...silo, test: tested(null), own: { ...silo.own, start: null } };
  assertStringIncludes(siloPage(few, places), 'headline">Test AUROC <b>–</b> –; start model –</p>');
});

Deno.test("the commands that come next are copied from 80 columns as they are, however long a path", () => {
  const model = `/srv/${"x".repeat(100)}/model.safetensors`;
  for (const path of [silo.model.replace(" ", "-"), model]) {
    const [, next] = breakLines(siloEnd({ ...silo, model: path }, places), 80).split("next: ");
    for (const line of `next: ${next}`.split("\n")) assert(line.length <= 80 || line.includes(model), line);
    const commands = next.replaceAll(/ \\\n +/g, " ").split(/\n +/);
    assertEquals(commands, [
      `fedx evaluate --model ${path} --shard shard-a`,
      `fedx predict --model ${path} --images FOLDER --out scores.csv`,
    ]);
  }
});

Deno.test("a hospital's report says of the ROC curves, not of the curves on val, that nobody was sent them", () => {
  assertStringIncludes(PAGES.silo, "the ROC curves were sent to nobody");
  assert(!/(?:^|[^C]) curves were sent to nobody/.test(PAGES.silo));
  assertStringIncludes(PAGES.silo, "its figures were sent to nobody"); // of the start model
  const selected = siloPage({ ...silo, sha256: "aa", own: { ...silo.own, start: silo.test } }, places);
  assert(!/figures were sent to nobody/.test(selected)); // those of a start that was selected were sent
});

Deno.test("the hub says by what a model was selected, and of one hospital as of one", () => {
  const end = (changed: Partial<AggregatorResult>) =>
    hubEnd({ ...hub, ...changed }, { state: "s", report: null });
  assertStringIncludes(
    end({}),
    "3 rounds in 1:40 min; model of round 3 selected (val AUROC 0.950, optimistic)",
  );
  const reason = "the last: no model was scored by every silo";
  const unrated = { ...hub, selection: { ...hub.selection, auroc: null, reason } };
  assertStringIncludes(end(unrated).replaceAll("\n", " "), `model of round 3 selected (${reason})`);
  assertStringIncludes(hubPage(unrated), `model of round 3 selected (${reason})`);
  const start = { ...hub.selection, round: 0, auroc: 0.5 };
  assertStringIncludes(
    end({ rounds: 1, selection: start }),
    "1 round in 1:40 min; the start itself selected",
  );
  assertStringIncludes(hubPage({ ...hub, joined: { a: hub.joined.a } }), "One model of 1 hospital<");
});

Deno.test("both reports say when the run had finished", () => {
  const finished = "2026-10-05T12:03:04.567Z";
  for (const html of [hubPage({ ...hub, finished }), siloPage({ ...silo, finished }, places)]) {
    assertStringIncludes(html, "<dt>finished</dt><dd>2026-10-05 12:03:04 UTC</dd>");
  }
});
