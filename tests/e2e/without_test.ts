/** `fedx aggregate --without` with the hub and every hospital as processes of their own; the hospitals train nothing. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { waitForEvent } from "../../src/cli/output/history.ts";
import { withFederation } from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { at, startProcess, startRole } from "../testing/killed.ts";
import { objectOf, start } from "../testing/program.ts";

Deno.test("aggregate --without goes on without a hospital whose process is gone, and names it first", () =>
  withFederation(async (dir) => {
    const port = freePort();
    const silos = await Promise.all(["a", "b", "c"].map(async (role) => {
      const silo = await startProcess();
      await startRole(silo, {
        dir,
        port,
        role,
        full: true,
        kill: role === "c" ? at("event:training") : undefined,
      });
      return silo;
    }));
    const ended = Promise.all(silos.map((silo) => silo.output()));
    const hub = (...more: string[]) =>
      start([
        ...["aggregate", "--silos", "a,b,c", "--rounds", "1", "--size", "32", "--init", "random", "--json"],
        "--unmasked", // three are the fewest of a masked run
        ...["--tls", "tls-aggregator", "--listen", `127.0.0.1:${port}`, "--state", "state", ...more],
      ], { cwd: dir });
    const first = await hub();
    for (const silo of ["a", "b"]) {
      const signal = AbortSignal.timeout(120_000);
      const where = (event: { silo: string }) => event.silo === silo;
      await waitForEvent(`${dir}/state/events.jsonl`, { type: "update_counted", signal, where });
    }
    first.child.kill("SIGTERM");
    assertEquals((await first.finished).code, 143);
    const finished = await (await hub("--without", "c")).finished;
    const result = objectOf(finished, "aggregate");
    assertEquals(Object.entries(result).slice(0, 2), [["degraded", true], ["missing", { c: [1, 2] }]]);
    assertStringIncludes(finished.stderr, "DEGRADED: round 1 closes without c");
    const [a, b, c] = await ended;
    assertEquals([a.code, b.code, c.signal], [0, 0, "SIGKILL"]);
    for (const { stdout } of [a, b]) {
      assertStringIncludes(new TextDecoder().decode(stdout), `"sha256":"${result.sha256}"`);
    }
  }));
