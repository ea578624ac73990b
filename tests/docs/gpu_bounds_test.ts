/** docs/gpu.md says which bounds the stage `right` holds figures to. */
import { assert, assertEquals } from "@std/assert";
import { atMost, BOUNDS } from "../gpu/bounds.ts";
import { page } from "../testing/pages.ts";

Deno.test("docs/gpu.md has every bound of the stage right, and where it comes from", async () => {
  const { text } = await page("docs/gpu.md");
  const section = /<!-- bounds -->([^]*)<!-- end of bounds -->/.exec(text)![1];
  const rows = [...section.matchAll(/^\| (.*?) +\| (.*?) +\|$/gm)].map(([, check, most]) => [check, most]);
  const bounds = Object.values(BOUNDS);
  const want = bounds.map((bound) => [bound.check, atMost(bound)]);
  assertEquals(rows.filter(([check]) => !/^(check|-+)$/.test(check)), want);
  const sentences = section.replaceAll(/\s+/g, " ");
  for (const { check, why } of bounds) {
    assert(sentences.includes(`**${check}**: ${why}.`), `no sentence: ${check}: ${why}`);
  }
});
