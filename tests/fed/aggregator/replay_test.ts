import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { readRecording } from "../../../src/fed/aggregator/replay.ts";
import type { AggregatorResult } from "../../../src/fed/training/result.ts";
import { AggregatorState } from "../../../src/fed/aggregator/state.ts";
import { freePort } from "../../testing/free_port.ts";
import { runFederation, runRole, withFederation } from "../../testing/fake_federation.ts";
import { MinuteClock } from "../../testing/still_clock.ts";

/** A run of ten minutes by its clock. */
const BUDGET = { proposal: { rounds: null, budget: 600 } };

Deno.test("runAggregator with a recording runs its rows again, without a clock, to the same two digests", () =>
  withFederation(async (dir) => {
    const spec = { dir, ...BUDGET };
    const first = await runFederation(spec, {}, { clock: new MinuteClock() });
    const recorded = `${dir}/state-aggregator`;
    const { recording } = await readRecording(recorded, { into: `${dir}/other` });
    assert(recording.rows.length >= 2, `${recording.rows.length} rows`);
    const again = await runFederation({ ...spec, replay: recorded, suffix: "-again" });
    assertEquals([again.result.sha256, again.result.last_sha256], [
      first.result.sha256,
      first.result.last_sha256,
    ]);
    assertNotEquals(again.result.last_sha256, first.result.init.sha256);
    assertNotEquals(again.result.run, first.result.run);
    for (const { sha256 } of again.silos) assertEquals(sha256, first.result.sha256);
    assertEquals(again.events.filter(({ type }) => type === "warning"), []);
    const rows = again.events.flatMap((event) => event.type === "row" ? [event.row] : []);
    assertEquals(
      rows.map(({ p0, p1, silos, last }) => ({ p0, p1, silos, last })),
      recording.rows.map(({ row: { p0, p1, silos, last } }) => ({ p0, p1, silos, last })),
    );
    // A start of which two bytes were changed is no start of that run.
    const start = `${recorded}/models/0.f32`;
    const bytes = await Deno.readFile(start);
    bytes[0] ^= 1;
    bytes[5] ^= 1;
    await Deno.writeFile(start, bytes);
    await assertRejects(
      () => readRecording(recorded, { into: `${dir}/other` }),
      ProtocolError,
      "(remedy: the file was changed after fedx wrote it: bring it back from a copy of that folder)",
    );
  }));

Deno.test("runAggregator stopped in a replay goes on with it, and is refused as a run of its own", () =>
  withFederation(async (dir) => {
    const first = await runFederation({ dir, rounds: 3 });
    const spec = { dir, port: freePort(), rounds: 3, replay: `${dir}/state-aggregator`, suffix: "-again" };
    const stop = new AbortController();
    const silos = ["a", "b", "c"].map((role) => runRole({ ...spec, role }));
    const onEvent = (event: FedEvent) => {
      if (event.type === "committed") stop.abort(new Error("stopped"));
    };
    const stopped = runRole({ ...spec, role: "aggregator" }, { signal: stop.signal, onEvent });
    await assertRejects(() => stopped, Error, "stopped");
    const own = await assertRejects(
      () => runRole({ ...spec, replay: undefined, role: "aggregator" }),
      ProtocolError,
    );
    assertEquals(own.code, "other_proposal");
    const result = await runRole({ ...spec, role: "aggregator" }) as AggregatorResult;
    await Promise.all(silos);
    assertEquals([result.sha256, result.last_sha256], [first.result.sha256, first.result.last_sha256]);
  }));

Deno.test("readRecording refuses a folder without an aggregator's closed rounds, naming it", () =>
  withFederation(async (dir) => {
    for (const name of ["nothing", "empty"]) {
      if (name === "empty") (await AggregatorState.open(`${dir}/empty`))[Symbol.dispose]();
      const error = await assertRejects(
        () => readRecording(`${dir}/${name}`, { into: `${dir}/other` }),
        ProtocolError,
      );
      assertEquals([error.code, error.message.includes(`${dir}/${name}`)], ["no_recording", true]);
    }
    const own = await assertRejects(() => readRecording(dir, { into: `${dir}/` }), ProtocolError);
    assertEquals(own.code, "own_recording");
    assertEquals(await Deno.stat(`${dir}/nothing`).then(() => true, () => false), false);
  }));
