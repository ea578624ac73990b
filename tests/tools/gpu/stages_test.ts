import { assertEquals } from "@std/assert";
import { chosen, STAGES } from "../../../tools/gpu/stages.ts";
import { page } from "../../testing/pages.ts";

Deno.test("on a GPU all stages together may take five minutes, and the rehearsal's are not shorter", () => {
  assertEquals(STAGES.reduce((sum, { limit }) => sum + limit.gpu, 0), 300);
  assertEquals(STAGES.filter(({ limit }) => limit.rehearsal < limit.gpu), []);
});

Deno.test("--only keeps the order of the stages, and machine always runs", () => {
  const names = (only?: string) => chosen(only).map(({ name }) => name);
  assertEquals(names(), ["machine", "right", "fast", "real", "memory"]);
  assertEquals(names("memory,right"), ["machine", "right", "memory"]);
  assertEquals(names("machine"), ["machine"]);
});

Deno.test("docs/gpu.md has every stage with its time", async () => {
  const { text } = await page("docs/gpu.md");
  const rows = [...text.matchAll(/^\| `(\w+)` +\|.*\| +(\d+) s +\|/gm)].map((
    [, name, limit],
  ) => [name, limit]);
  assertEquals(rows, STAGES.map(({ name, limit }) => [name, String(limit.gpu)]));
});
