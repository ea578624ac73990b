import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { table, TABLE_WIDTH } from "../../../src/cli/output/table.ts";
import { describe } from "../../../src/cli/commands/train.ts";

const widest = (text: string) => Math.max(...text.split("\n").map((line) => line.length));

Deno.test("a table that is narrow enough has one line a row, its numbers on the right", () => {
  const text = table(["split", "images"], [["train", "9"], ["test", "1234"]]);
  assertEquals(text, " split   images\n train        9\n test      1234");
});

Deno.test("a wide table breaks its heads at words and keeps its numbers whole, within 80 columns", () => {
  const head = [
    "hospital",
    "test films",
    "with a finding",
    "federated AUROC",
    "95 % interval",
    "alone AUROC",
  ];
  const row = ["site only (floor)", "25600", "12800", "0.991", "[0.980, 0.998]", "0.977"];
  const text = table(head, [row]);
  assert(widest(text) <= TABLE_WIDTH, text);
  for (const cell of row) assertStringIncludes(text, cell);
  const words = head.flatMap((name) => name.split(" "));
  for (const word of words) assert(text.split(/\s+/).includes(word), word);
});

Deno.test("a long text breaks at words, and a path that is too long by itself behind a slash", () => {
  const source = "B0 warm-started from EfficientNet-Lite0's ImageNet weights, " +
    "made ready once more ".repeat(6);
  const path = "/srv/" + "radiology-archive/".repeat(12) + "shard-a";
  const text = table(["shard", "AUROC", "start"], [[path, "0.950", source]]);
  assert(widest(text) <= TABLE_WIDTH, text);
  const columns = (from: number, to?: number) =>
    text.split("\n").slice(1).map((line) => line.slice(from, to));
  const start = text.split("\n")[0].indexOf("start");
  assertEquals(columns(start).join(" ").replaceAll(/ +/g, " ").trim(), source.trim());
  const end = text.split("\n")[0].indexOf("AUROC");
  const parts = columns(0, end).map((part) => part.trim()).filter((part) => part !== "");
  assertEquals(parts.join(""), path);
  for (const part of parts.slice(0, -1)) assert(part.endsWith("/"), part);
});

Deno.test("what an aggregator proposes fits 80 columns, the names of a hundred hospitals too", () => {
  const proposal = {
    silos: Array.from({ length: 100 }, (_, at) => `hospital-${at}`),
    network: "efficientnet_b0",
    labelRule: `positive:${"abcdefgh".split("").map((letter) => letter.repeat(30)).join(",")}`,
    init: { source: "B0 warm-started from EfficientNet-Lite0's ImageNet weights, " + "x".repeat(200) },
    recipe: { name: "default", batch: 32, lr: 1e-3, bn: "adapt", augment: {} },
    rounds: 3,
    localEpochs: 1,
    seed: 0,
    ...{ quorum: 100, flower: ["hospital-7", "hospital-9"] },
    masked: { minCohort: 3, rosterChanges: 1 },
  };
  const text = describe(proposal as unknown as Parameters<typeof describe>[0]);
  assert(widest(text) <= TABLE_WIDTH, text);
  assertEquals(text.split("\n")[0].trim(), "the aggregator proposes"); // the head keeps its line, the values break
  assert(/positive films +a{30},$/m.test(text), text);
  assert(/masked +yes, sums of at least 3, 1 roster change at most/.test(text), text);
  assert(/of them with Flower +hospital-7, hospital-9/.test(text), text);
  const short = {
    ...proposal,
    silos: ["a"],
    flower: [],
    quorum: 1,
    masked: null,
    rounds: 12,
    localEpochs: 0.25,
    budget: null,
  };
  const lines = (changes: object, limits = {}) =>
    describe({ ...short, ...changes } as unknown as Parameters<typeof describe>[0], limits).split("\n")
      .map((line) => line.trim().replaceAll(/  +/g, ": "));
  assert(
    lines({ labelRule: "exclude:hernia,mass" }).includes("positive films: any finding but hernia or mass"),
  );
  assert(lines({ labelRule: "any-finding" }).includes("positive films: any finding"));
  assert(lines({}).includes("length: 12 rounds, 0.25 local passes a round"));
  assert(!lines({}, { maxPasses: 9 }).some((line) => line.includes("max_passes")), "compared before");
  const limited = lines({ rounds: null, budget: 60 }, { maxPasses: 9 }).join(" ");
  assert(limited.includes("limit: 9 passes (accept.max_passes); a round beyond is refused"), limited);
});
