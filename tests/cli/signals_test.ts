import { assertEquals } from "@std/assert";
import { stopOnSignals } from "../../src/cli/signals.ts";

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

Deno.test("stopOnSignals: an echo of the first signal is ignored, one a second later leaves", async () => {
  let left = 0;
  const stop = stopOnSignals({ line: () => {} }, { leave: () => left++ });
  try {
    for (let i = 0; i < 3; i++) {
      Deno.kill(Deno.pid, "SIGTERM");
      await wait(50);
    }
    assertEquals([stop.signal.aborted, left], [true, 0]);
    await wait(1000);
    Deno.kill(Deno.pid, "SIGTERM");
    for (let tries = 0; left === 0 && tries < 500; tries++) await wait(20);
    assertEquals(left, 1);
  } finally {
    stop.release();
  }
});
