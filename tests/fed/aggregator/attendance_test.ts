import { assertEquals } from "@std/assert";
import type { Heartbeat } from "../../../src/fed/protocol/messages.ts";
import { closeRound } from "../../../src/fed/aggregator/close_round.ts";
import { nextRoster, openRound } from "../../../src/fed/aggregator/open_round.ts";
import { Run } from "../../../src/fed/aggregator/run.ts";
import { standingOf } from "../../../src/fed/aggregator/standing.ts";
import { TINY } from "../../testing/fake_trainer.ts";
import { count, lose, withRound } from "../../testing/open_round.ts";

const beat = (run: Run, changes: Partial<Heartbeat> = {}): Heartbeat => ({
  run: run.id,
  round: 1,
  phase: "training",
  step: 2,
  steps: 3,
  ...changes,
});

Deno.test("Attendance: 60 s without a word are a loss, told once; a word brings the silo back", () =>
  withRound(({ run, clock, events }) => {
    const told = () =>
      events.flatMap((e) => e.type === "lost" || e.type === "returned" ? [[e.type, e.silo]] : []);
    const { attendance } = run;
    for (let second = 0; second < 70; second += 10) {
      for (const silo of ["a", "b"]) attendance.noteHeartbeat(silo, beat(run));
      attendance.findLost();
      if (second < 60) assertEquals(told(), []);
      clock.pass(10);
    }
    attendance.findLost();
    assertEquals(told(), [["lost", "c"]]);
    assertEquals([attendance.isLost("c"), nextRoster(run)], [true, ["a", "b"]]);
    assertEquals(attendance.connected, ["a", "b"]);
    attendance.noteHeard("c");
    assertEquals(told(), [["lost", "c"], ["returned", "c"]]);
    assertEquals(nextRoster(run), ["a", "b", "c"]);
    return Promise.resolve();
  }, { quorum: 2 }));

Deno.test("nextRoster is everybody who joined when those who are not lost are no quorum", () =>
  withRound(({ run, clock }) => {
    clock.pass(29);
    run.attendance.findLost();
    clock.pass(29);
    run.attendance.noteHeard("a");
    run.attendance.findLost();
    clock.pass(29);
    run.attendance.findLost();
    assertEquals(["a", "b", "c"].map((silo) => run.attendance.isLost(silo)), [false, true, true]);
    assertEquals(nextRoster(run), ["a", "b", "c"]);
    return Promise.resolve();
  }, { quorum: 2 }));

Deno.test("Attendance: an aggregator that was stopped itself holds nobody for lost", () =>
  withRound(({ run, clock }) => {
    clock.pass(600);
    run.attendance.findLost();
    assertEquals(nextRoster(run).filter((silo) => run.attendance.isLost(silo)), []);
    return Promise.resolve();
  }));

Deno.test("standingOf: waiting, training k/K, uploading, counted, late, lost", () =>
  withRound(async (bench) => {
    const { run } = bench;
    const { attendance } = run;
    const standing = (silo: string) => {
      const { state, step, steps } = standingOf(run, silo);
      return state === "training" ? `${state} ${step}/${steps}` : state;
    };
    assertEquals(standing("c"), "waiting");
    attendance.noteHeartbeat("c", beat(run));
    assertEquals(standing("c"), "training 2/3");
    for (const silo of ["a", "b"]) await count(bench, silo);
    assertEquals(standing("a"), "counted");
    await closeRound(run, run.state.current!);
    openRound(run);
    assertEquals([standing("a"), standing("c")], ["waiting", "late"]);
    attendance.noteHeartbeat("c", beat(run, { round: 2, phase: "uploading", step: 3 }));
    assertEquals(standing("c"), "uploading");
    lose(bench, "c");
    assertEquals(standing("c"), "lost");
  }, { quorum: 2 }));

Deno.test("a restarted aggregator takes whom the newest row left out for lost until it is heard", () =>
  withRound(async (bench) => {
    const { run, state } = bench;
    for (const silo of ["a", "b"]) await count(bench, silo);
    lose(bench, "c");
    await closeRound(run, run.state.current!);
    assertEquals(openRound(run)!.row.roster, ["a", "b"]);
    const again = new Run(state, { layout: TINY, onEvent: () => {}, faultPoint: () => {} });
    assertEquals(["a", "b", "c"].map((silo) => again.attendance.isLost(silo)), [false, false, true]);
    assertEquals(standingOf(again, "c").state, "lost");
    again.attendance.connect("c", {});
    assertEquals(nextRoster(again), ["a", "b", "c"]);
  }, { quorum: 2 }));
