import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import type { AggregatorResult, SiloResult } from "../../src/fed/training/result.ts";
import { AGGREGATOR, siloRole, StateFolder } from "../../src/fed/state/folder.ts";
import { freePort } from "../testing/free_port.ts";
import { type RoleSpec, runFederation, runRole, withFederation } from "../testing/fake_federation.ts";
import { at, runKilled } from "../testing/killed.ts";

Deno.test("any role killed with SIGKILL at any point and restarted ends with the undisturbed digests", async () => {
  let quiet: AggregatorResult | undefined;
  await withFederation(async (dir) => {
    quiet = (await runFederation({ dir, rounds: 5 })).result;
  });
  await withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 5 };
    const later = ["before_fold", "folded", "renamed", "committed", "closing", "selected", "result"];
    const [aggregator, a, b, c] = await Promise.all([
      runKilled<AggregatorResult>({ ...spec, role: "aggregator" }, [
        at("receiving", 2),
        ...later.map((point) => at(point)),
      ]),
      runKilled<SiloResult>({ ...spec, role: "a" }, [at("training"), at("update_written"), at("scoring", 2)]),
      runKilled<SiloResult>({ ...spec, role: "b" }, [at("pulled", 2), at("uploading")]),
      runKilled<SiloResult>({ ...spec, role: "c" }, [at("uploaded")]),
    ]);
    assertEquals(aggregator.killed, ["receiving", ...later]);
    assertEquals(a.killed, ["training", "update_written", "scoring"]);
    assertEquals(b.killed, ["pulled", "uploading"]);
    assertEquals(c.killed, ["uploaded"]);
    assertEquals(aggregator.result.sha256, quiet!.sha256);
    assertEquals(aggregator.result.last_sha256, quiet!.last_sha256);
    assertNotEquals(aggregator.result.last_sha256, quiet!.init.sha256);
    for (const { result } of [a, b, c]) assertEquals(result.sha256, quiet!.sha256);
  });
});

Deno.test("a silo killed after its test scores, and again after the run's end, still gets the selected model", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 1 };
    const [result, , , a] = await Promise.all([
      runRole({ ...spec, role: "aggregator" }),
      runRole({ ...spec, role: "b" }),
      runRole({ ...spec, role: "c" }),
      runKilled<SiloResult>({ ...spec, role: "a" }, [at("tested"), at("tested")]),
    ]);
    assertEquals(a.killed, ["tested", "tested"]);
    assertEquals(a.result.sha256, result.sha256);
    assert((await Deno.stat(a.result.model)).size > 0);
  }));

Deno.test("runAggregator stopped while a silo lacks the model serves it again when it is resumed", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 1 };
    const stop = new AbortController();
    const gone = new AbortController();
    // a goes away as soon as its test scores are in; the aggregator is stopped once the others have their model.
    const onEvent = (event: FedEvent) => {
      if (event.type === "tested" && event.silo === "a") gone.abort(new Error("gone"));
    };
    const ends = [
      runRole({ ...spec, role: "aggregator" }, { signal: stop.signal, onEvent }),
      runRole({ ...spec, role: "a" }, { signal: gone.signal }),
    ].map((role) => role.then(() => "ended", (error) => error.message));
    await Promise.all(["b", "c"].map((role) => runRole({ ...spec, role })));
    stop.abort(new Error("stopped"));
    assertEquals(await Promise.all(ends), ["stopped", "gone"]);
    const [result, again] = await Promise.all(["aggregator", "a"].map((role) => runRole({ ...spec, role })));
    assertEquals(again.sha256, result.sha256);
  }));

Deno.test("a finished role started again says since when and returns its result, without checking or connecting", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 1 };
    const { result, silos } = await runFederation(spec);
    const said: FedEvent[] = [];
    const onEvent = (event: FedEvent) => void (event.type === "already_finished" && said.push(event));
    assertEquals(await runRole({ ...spec, role: "aggregator" }, { onEvent }), result);
    const ready = () => Promise.reject(new Error("checked again"));
    const gone = () => Promise.resolve(null);
    assertEquals(await runRole({ ...spec, role: "a" }, { ready, shard: gone, onEvent }), silos[0]);
    assertEquals(said, [
      { type: "already_finished", at: result.finished!, last: `${dir}/state-aggregator/last.safetensors` },
      { type: "already_finished", at: silos[0].finished!, last: null },
    ]);
    const refused = async (role: string, changes: Partial<RoleSpec>, text: RegExp, shard?: string) => {
      const started = runRole({ ...spec, ...changes, role }, { shard: () => Promise.resolve(shard ?? null) });
      const error = await assertRejects(() => started, ProtocolError);
      assertEquals(error.code, "finished_run");
      assertMatch(error.message, text);
    };
    await refused(
      "aggregator",
      { seed: 8 },
      /^Cannot use the state of a finished run for another: expected --seed 7, got --seed 8 \(remedy: begin another with --new; with --init .*\/last\.safetensors as well it trains on/,
    );
    await refused(
      "a",
      { port: spec.port + 1 },
      /expected --server https:.*, got https:.*begin another with --new/,
    );
    await refused(
      "a",
      {},
      /expected the shard of digest .{12}, got the shard of digest 00+ /,
      "0".repeat(64),
    );
    await Deno.remove(`${dir}/state-a`, { recursive: true });
    await assertRejects(() => runRole({ ...spec, role: "a" }, { ready }), Error, "checked again");
  }));

Deno.test("after --new at the hub a silo of the old run is told to start with --new too", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort() };
    /** A role up to an event; then its end is awaited by who stops it. */
    const until = async (role: string, type: FedEvent["type"], stop: AbortController) => {
      const there = Promise.withResolvers<void>();
      const onEvent = (event: FedEvent) => void (event.type === type && there.resolve());
      const ended = runRole({ ...spec, role }, { signal: stop.signal, onEvent }).catch((error) => error);
      await Promise.race([there.promise, ended]);
      return { ended };
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const before = [await until("aggregator", "listening", first), await until("a", "idle", first)];
    first.abort(new Error("stopped"));
    await Promise.all(before.map(({ ended }) => ended));
    await StateFolder.setAside(`${dir}/state-aggregator`, { role: AGGREGATOR });
    const hub = await until("aggregator", "listening", second);
    const { code, message } = await assertRejects(() => runRole({ ...spec, role: "a" }), ProtocolError);
    assertEquals(code, "other_run");
    assertMatch(
      message,
      /expected run [0-9a-f]{32}, which this silo joined, got [0-9a-f]{32} \(remedy: start this /,
    );
    assertMatch(
      message,
      /silo with --new too if the aggregator has begun another run, else name the right --server/,
    );
    await StateFolder.setAside(`${dir}/state-a`, { role: siloRole("a") });
    const again = await until("a", "idle", second);
    second.abort(new Error("stopped"));
    assertEquals((await again.ended).message, "stopped");
    await hub.ended;
  }));

Deno.test("runAggregator and runSilo stop at their signal and can be resumed", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 3 };
    const stop = new AbortController();
    const onEvent = (event: { type: string }) => {
      if (event.type === "committed") stop.abort(new Error("stopped"));
    };
    const ends = ["b", "c"].map((role) => runRole({ ...spec, role }));
    const stopped = [
      runRole({ ...spec, role: "aggregator" }, { signal: stop.signal, onEvent }),
      runRole({ ...spec, role: "a" }, { signal: stop.signal }),
    ].map((role) => role.then(() => "ended", (error) => error.message));
    assertEquals(await Promise.all(stopped), ["stopped", "stopped"]);
    const [result] = await Promise.all(["aggregator", "a"].map((role) => runRole({ ...spec, role })));
    assertEquals(result.rounds, 3);
    assert((await Promise.all(ends)).every(({ sha256 }) => sha256 === result.sha256));
  }));
