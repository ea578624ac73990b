import { assertEquals } from "@std/assert";
import type { ConductEvent } from "../../../tools/gpu/conductor.ts";
import { chosen, STAGES } from "../../../tools/gpu/stages.ts";
import { tell } from "../../../tools/gpu/telling.ts";
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

Deno.test("what is said of a stage's begin and while it runs fits on a line of 80 columns", () => {
  const lines: string[] = [];
  const say = (text: string) => void lines.push(`fedx: ${text}`);
  for (const stage of STAGES) {
    const limit = stage.limit.rehearsal;
    const events: ConductEvent[] = [{ type: "begins", stage, limit }, {
      type: "runs",
      stage,
      limit,
      seconds: limit,
    }];
    for (const event of events) tell(event, { line: say, update: say });
  }
  assertEquals(lines.filter((line) => line.length > 80), []);
  assertEquals(lines[1], `fedx: machine [${"#".repeat(20)}] 600 s of at most 600 s`);
});
