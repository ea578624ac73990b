import { assert, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { freePort } from "../../testing/free_port.ts";
import { runRole, withFederation } from "../../testing/fake_federation.ts";

/** Seconds that silo a has worked so far. */
function workOf(dir: string): number {
  using db = new DatabaseSync(`${dir}/state-a/run.sqlite`);
  return Number(db.prepare("SELECT value FROM meta WHERE key = 'worked'").get()!.value);
}

Deno.test("what a silo scores and trains counts as its work, in a turn that was killed as well", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 1 };
    const others = ["aggregator", "b", "c"].map((role) => runRole({ ...spec, role }));
    let trained = 0;
    const stop = new AbortController();
    const a = runRole({ ...spec, role: "a", delay: 0.05 }, {
      signal: stop.signal,
      onEvent: ({ type }) => type === "step" && ++trained === 2 && stop.abort(new Error("stopped")),
    });
    await assertRejects(() => a, Error, "stopped");
    const stopped = workOf(dir);
    assert(stopped > 0.05, `${stopped} s`);
    await runRole({ ...spec, role: "a", delay: 0.05 });
    await Promise.all(others);
    const done = workOf(dir);
    assert(done > stopped + 0.1, `${done} s after ${stopped}`);
  }));
