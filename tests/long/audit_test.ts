import { assert, assertEquals } from "@std/assert";
import { logsOf, verifying } from "../testing/audited_run.ts";
import { runFederation, withFederation } from "../testing/fake_federation.ts";

Deno.test("the logs of a clean run of 100 rounds verify in 5 s", () =>
  withFederation(async (dir) => {
    await runFederation({ dir, rounds: 100, logged: true });
    const run = await logsOf(dir);
    const began = performance.now();
    const { ok, faults, logs } = verifying(run)();
    const seconds = (performance.now() - began) / 1000;
    assertEquals([ok, faults], [true, []]);
    assert(logs.every(({ lines }) => lines > 1000));
    assert(seconds <= 5, `${seconds} s`);
  }));
