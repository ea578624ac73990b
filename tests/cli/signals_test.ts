import { assertEquals } from "@std/assert";
import { stopOnSignals } from "../../src/cli/signals.ts";

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

Deno.test("stopOnSignals: an echo of the first signal is ignored, one a second later leaves", async () => {
  const left: number[] = [];
  const stop = stopOnSignals({ line: () => {} }, { leave: (code) => left.push(code) });
  try {
    assertEquals(stop.code, 0);
    for (let i = 0; i < 3; i++) {
      Deno.kill(Deno.pid, "SIGTERM");
      await wait(50);
    }
    assertEquals([stop.signal.aborted, stop.code, left], [true, 143, []]);
    await wait(1000);
    Deno.kill(Deno.pid, "SIGTERM");
    for (let tries = 0; left.length === 0 && tries < 500; tries++) await wait(20);
    assertEquals([stop.code, left], [143, [143]]);
  } finally {
    stop.release();
  }
});
