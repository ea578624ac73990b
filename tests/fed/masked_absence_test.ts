/** Masked runs in which a silo goes away: who is waited for, and whom the sums are over; time passes when the test says so. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readRecording } from "../../src/fed/aggregator/replay.ts";
import { makeRequest, signRequest } from "../../src/fed/pki/certificate_request.ts";
import { revoke } from "../../src/fed/pki/revoke.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { MASKED, withFederation } from "../testing/fake_federation.ts";
import { SteppedRun } from "../testing/stepped_run.ts";

const FOUR = ["a", "b", "c", "d"];
const four = { silos: FOUR, quorum: 3, ...MASKED };
const gone = () => new Error("gone");
const failure = (error: Error) => error;

/** For `onFault`: goes away at the nth passing of a point. */
function leaveAt(point: string, nth: number, leave: AbortController) {
  let passed = 0;
  return (name: string) => {
    if (name !== point || ++passed !== nth) return;
    leave.abort(gone());
    throw gone();
  };
}

/** Lets the round and join timeouts of 600 s pass; once the others have heard of it, the hub leaves too. */
async function timeOut(run: SteppedRun, others: Promise<unknown>[]): Promise<void> {
  run.clock.pass(600);
  await run.when("reopened");
  run.clock.pass(600);
  await run.when("failed");
  await Promise.all(others);
  run.clock.pass(10);
}

Deno.test("four silos, one gone for good while it trains: on with three, as an undisturbed run of these rosters", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 4, proposal: four });
    const roles = [run.hub(), ...["a", "b", "c"].map((silo) => run.silo(silo))] as const;
    const leave = new AbortController();
    const d = run.silo("d", { signal: leave.signal, onFault: leaveAt("training", 2, leave) }).catch(failure);
    await d;
    await run.lose("d");
    const result = (await Promise.all(roles))[0] as AggregatorResult;
    assertEquals(run.of("roster").map(({ silos }) => silos.join("")), ["abcd", "abc", "abc", "abc"]);
    assertEquals([result.degraded, result.missing], [true, { d: [2, 3, 4, 5] }]);

    const again = new SteppedRun(dir, { rounds: 4, proposal: four, suffix: "-replay" });
    const replay = `${dir}/state-aggregator`;
    const { proposal } = await readRecording(replay, { into: `${replay}-replay` });
    assertEquals(proposal.masked, MASKED.masked);
    const [repeated] = await Promise.all([again.hub({ replay }), ...FOUR.map((silo) => again.silo(silo))]);
    assertEquals(repeated.last_sha256, result.last_sha256);
  }, FOUR));

Deno.test("gone once the roster is settled: waited for, exit with the best model kept; the same command completes", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, {
      rounds: 3,
      proposal: { ...four, roundTimeout: 600, joinTimeout: 600 },
    });
    const leave = new AbortController();
    const stop = new AbortController();
    const hub = run.hub().catch(failure);
    const others = ["a", "b", "c"].map((silo) => run.silo(silo, { signal: stop.signal }).catch(failure));
    await run.silo("d", { signal: leave.signal, onFault: leaveAt("masked", 2, leave) }).catch(failure);
    await run.counted(2, "abc");
    await timeOut(run, others);
    const error = await hub;
    if (!(error instanceof ProtocolError)) throw error;
    assertEquals(error.code, "round_timeout");
    assertMatch(
      error.message,
      /masked updates of a, b, c, d in round 2, got none from d; the model selected so far/,
    );
    assertEquals(run.of("roster").map(({ round }) => round), [1, 2]);

    const [result] = await Promise.all([run.hub(), ...FOUR.map((silo) => run.silo(silo))]);
    assertEquals(run.of("roster").map(({ round }) => round), [1, 2, 2, 3]);
    assertEquals([result.degraded, result.rounds], [false, 3]);
  }, FOUR));

Deno.test("three silos, one gone while it trains: nobody's update is asked for until it is back", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, {
      rounds: 2,
      proposal: { ...MASKED, roundTimeout: 600, joinTimeout: 600 },
    });
    const leave = new AbortController();
    const hub = run.hub().catch(failure);
    const others = ["a", "b"].map((silo) => run.silo(silo).catch(failure));
    await run.silo("c", { signal: leave.signal, onFault: leaveAt("training", 2, leave) }).catch(failure);
    for (const silo of "ab") await run.when("ready", (event) => event.silo === silo && event.round === 2);
    await timeOut(run, others);
    const error = await hub;
    if (!(error instanceof ProtocolError)) throw error;
    assertMatch(error.message, /readies of a, b, c in round 2, got none from c/);
    assertEquals(run.of("update_counted").filter(({ round }) => round === 2), []);
    const [result] = await Promise.all([run.hub(), ...["a", "b", "c"].map((silo) => run.silo(silo))]);
    assertEquals([result.degraded, result.rounds], [false, 2]);
  }));

Deno.test("away and back when no change is left: it waits, is told why, and is tested in the end", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 5, proposal: four });
    const onFault = run.turnAfter(4, "returned");
    const roles = [run.hub(), run.silo("a", { onFault }), run.silo("b"), run.silo("c")] as const;
    const leave = new AbortController();
    await run.silo("d", { signal: leave.signal, onFault: leaveAt("training", 2, leave) }).catch(failure);
    await run.lose("d");
    await run.when("row", ({ row }) => row.round === 4);
    const told: string[] = [];
    const back = run.silo("d", {
      onEvent: (event) => void (event.type === "warning" && told.push(event.text)),
    });
    const [result, d] = await Promise.all([roles[0], back, ...roles]);
    assertEquals(run.of("roster").map(({ silos }) => silos.join("")), ["abcd", "abc", "abc", "abc", "abc"]);
    assertEquals(told.length, 1);
    assertMatch(told[0], /round [45] goes on without this silo, with a, b, c: .* may change 1 time at most/);
    assertEquals(Object.keys(result.test.silos), FOUR);
    assertEquals(d.sha256, result.sha256);
  }, FOUR));

Deno.test("a run that would leave too few is not begun again without them", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 3, proposal: MASKED });
    const stop = new AbortController();
    const roles = ["a", "b", "c"].map((silo) => run.silo(silo, { signal: stop.signal }).catch(failure));
    const hub = run.hub({ signal: stop.signal }).catch(failure);
    await run.when("committed");
    stop.abort(gone());
    await Promise.all([hub, ...roles]);
    const error = await assertRejects(() => run.hub({ without: ["c"] }), ProtocolError);
    assertEquals(error.code, "cannot_leave_out");
  }));

Deno.test("a certificate renewed with its key in mid-run is stated again: the one of before may be revoked", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 2, proposal: MASKED });
    const leave = new AbortController();
    const hub = run.hub();
    const again = () => run.of("joined").filter(({ silo }) => silo === "c").length === 2;
    const others = ["a", "b"].map((silo) => run.silo(silo, { onFault: run.turnAfter(2, "joined", again) }));
    await run.silo("c", { signal: leave.signal, onFault: leaveAt("uploaded", 1, leave) }).catch(failure);
    for (const silo of "ab") await revoke({ name: "c", ca: `${dir}/ca`, tls: `${dir}/tls-${silo}` });
    const { request } = await makeRequest({ name: "c", role: "silo", out: `${dir}/tls-c` });
    const renewed = { request, name: "c", role: "silo", ca: `${dir}/ca`, out: `${dir}/c.pem` } as const;
    await signRequest(renewed);
    await Deno.rename(renewed.out, `${dir}/tls-c/cert.pem`);
    const [result] = await Promise.all([hub, run.silo("c"), ...others]);
    assertEquals([result.degraded, result.rounds], [false, 2]);
  }));

Deno.test("a silo that is revoked in mid-run: the row that it is in goes on without it", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 3, proposal: four });
    const leave = new AbortController();
    const hub = run.hub();
    const others = ["a", "b", "c"].map((silo) => run.silo(silo, { onFault: run.turnAfter(2, "lost") }));
    await run.silo("d", { signal: leave.signal, onFault: leaveAt("training", 2, leave) }).catch(failure);
    for (const silo of "abc") await revoke({ name: "d", ca: `${dir}/ca`, tls: `${dir}/tls-${silo}` });
    await run.lose("d");
    const [result] = await Promise.all([hub, ...others]);
    assertEquals(run.of("roster").map(({ silos }) => silos.join("")), ["abcd", "abc", "abc"]);
    assertEquals(result.missing, { d: [2, 3, 4] });
  }, FOUR));
