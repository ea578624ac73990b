import { assertEquals, assertRejects } from "@std/assert";
import { run } from "../../../../src/cli/commands/doctor.ts";

Deno.test("doctor that is stopped during its last check says so and no result", async () => {
  const stop = new AbortController();
  const looked: string[] = [], results: unknown[] = [];
  const output = {
    status(text: string) {
      looked.push(text);
      // The signal comes now, and is heard when the process turns to what waits for it.
      if (text === "looked at memory of the role") {
        setTimeout(() => stop.abort(new DOMException("stopped", "AbortError")));
      }
    },
    result: (data: unknown) => void results.push(data),
  };
  const context = { values: { aggregator: true }, output, signal: stop.signal } as unknown as Parameters<
    typeof run
  >[0];
  await assertRejects(() => run(context), DOMException, "stopped");
  assertEquals([looked.at(-1), results], ["looked at memory of the role", []]);
});
