import { assert, assertEquals } from "@std/assert";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import type { AggregatorResult } from "../../../src/fed/training/result.ts";
import { freePort } from "../../testing/free_port.ts";
import { runFederation, runRole, withFederation } from "../../testing/fake_federation.ts";
import { RoundClock } from "../../testing/round_clock.ts";

Deno.test("runAggregator with a budget writes rows up to p1 = 1 and has the model on disk in time", () =>
  withFederation(async (dir) => {
    const budget = 8;
    const spec = { dir, proposal: { rounds: null, budget } };
    const { result, events } = await runFederation(spec, { a: { delay: 0.05 }, b: { delay: 0.02 } });
    const rows = events.flatMap((event) => event.type === "row" ? [event.row] : []);
    assert(rows.length >= 2, `${rows.length} rows`);
    assertEquals(rows[0].p0, 0);
    for (const [index, row] of rows.slice(1).entries()) assertEquals(row.p0, rows[index].p1);
    // On a machine busy with other work the last of these very short rows may be abandoned, or find no time left.
    for (const row of rows) assertEquals(row.last, row.p1 === 1);
    assert(result.seconds > budget / 2 && result.seconds <= budget + 1, `${result.seconds} s`);
  }));

Deno.test("a row still open at the budget's end is abandoned: none of its updates count, the run closes", () =>
  withFederation(async (dir) => {
    const budget = 6;
    const spec = { dir, proposal: { rounds: null, budget } };
    const clock = new RoundClock("committed");
    const { result, silos, events } = await runFederation(spec, { a: { stuckFrom: 3 } }, { clock });
    assertEquals([result.rounds, result.abandoned], [1, 2]);
    assertEquals(result.history.length, result.rounds + 1);
    assert(result.seconds <= budget + 1, `${result.seconds} s`);
    assert(events.some((event) => event.type === "abandoned"));
    for (const silo of silos) assertEquals([silo.sha256, silo.rounds], [result.sha256, result.rounds]);
  }));

Deno.test("a silo lost in the closing phase is left out at the budget's end: degraded, named, no failure", () =>
  withFederation(async (dir) => {
    const budget = 6;
    const spec = { dir, port: freePort(), proposal: { rounds: 2, budget } };
    const gone = new AbortController();
    const done = Promise.withResolvers<void>();
    const onEvent = (event: FedEvent) => {
      if (event.type === "committed" && event.round === 2) gone.abort(new Error("gone"));
      if (event.type === "finished") done.resolve();
    };
    const hub = runRole({ ...spec, role: "aggregator" }, { onEvent, clock: new RoundClock() });
    const others = ["b", "c"].map((role) => runRole({ ...spec, role }));
    const a = runRole({ ...spec, role: "a" }, { signal: gone.signal }).catch((error) => error.message);
    assertEquals(await a, "gone");
    await done.promise;
    // It comes back while the finished run is served, and gets the model.
    const [result, late] = await Promise.all([hub, runRole({ ...spec, role: "a" }), ...others]);
    const { degraded, missing, test, seconds } = result as AggregatorResult;
    assertEquals([degraded, missing, Object.keys(test.silos)], [true, { a: [3] }, ["b", "c"]]);
    assert(seconds >= budget - 2 && seconds <= budget + 1, `${seconds} s`);
    assertEquals(late.sha256, result.sha256);
  }));

Deno.test("an aggregator restarted after the selection waits for no more val scores of a lost silo", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), proposal: { rounds: 2, budget: 6 } };
    const gone = new AbortController();
    const stop = new AbortController();
    const clock = new RoundClock();
    const first = (event: FedEvent) => {
      if (event.type === "committed" && event.round === 2) gone.abort(new Error("gone"));
      if (event.type === "selected") stop.abort(new Error("stopped"));
    };
    const others = ["b", "c"].map((role) => runRole({ ...spec, role }));
    const ends = [
      runRole({ ...spec, role: "aggregator" }, { onEvent: first, signal: stop.signal, clock }),
      runRole({ ...spec, role: "a" }, { signal: gone.signal }),
    ].map((role) => role.then(() => "ended", (error) => error.message));
    assertEquals(await Promise.all(ends), ["stopped", "gone"]);
    const lost: string[] = [];
    const done = Promise.withResolvers<void>();
    const again = runRole({ ...spec, role: "aggregator" }, {
      clock,
      onEvent(event) {
        if (event.type === "lost") lost.push(event.reason);
        if (event.type === "finished") done.resolve();
      },
    });
    await done.promise;
    await runRole({ ...spec, role: "a" });
    const { degraded, missing } = await again as AggregatorResult;
    await Promise.all(others);
    assertEquals([degraded, missing, lost], [true, { a: [3] }, ["no test scores by the budget's end"]]);
  }));
