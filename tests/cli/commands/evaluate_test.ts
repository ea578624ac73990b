import { assertEquals, assertMatch } from "@std/assert";
import { drawn } from "../../../src/cli/commands/evaluate.ts";

Deno.test("evaluate draws a curve for each shard with both classes, says of which films, and no chart without a curve", () => {
  const both = { logits: Float32Array.of(-1, 1), labels: Uint8Array.of(0, 1) };
  const one = { logits: Float32Array.of(-1, 1), labels: Uint8Array.of(0, 0) };
  const shards = [{ shard: "shard-a", auroc: 1 }, { shard: "shard-b", auroc: null }];
  const svg = drawn([both, one], shards, "test")!;
  assertMatch(svg, />ROC on test, AUROC in brackets</);
  assertEquals([...svg.matchAll(/<text class="ink"[^>]*>([^<]*)/g)].slice(1).map(([, name]) => name), [
    "shard-a (1.000)",
    "chance",
  ]);
  assertEquals(drawn([one], shards.slice(1), "all"), null);
});
