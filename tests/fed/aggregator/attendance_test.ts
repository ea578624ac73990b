import { assertEquals } from "@std/assert";
import type { Heartbeat } from "../../../src/fed/protocol/messages.ts";
import { closeRow, openRow } from "../../../src/fed/aggregator/rounds.ts";
import { Run } from "../../../src/fed/aggregator/run.ts";
import { TINY } from "../../testing/fake_trainer.ts";
import { type Bench, frames, lose, update, withRound } from "../../testing/open_round.ts";

/** A clock that the test moves. */
function stopClock(run: Run): { pass(seconds: number): void } {
  let now = run.now();
  run.now = () => now;
  return { pass: (seconds) => void (now += seconds) };
}

const beat = (run: Run, changes: Partial<Heartbeat> = {}): Heartbeat => ({
  run: run.id,
  round: 1,
  phase: "training",
  step: 2,
  steps: 3,
  ...changes,
});

async function count({ run, send }: Bench, silo: string): Promise<void> {
  const { round } = run.open!.row;
  const { start, bytes } = update(run, { round });
  await send(silo, "POST", `/v1/rounds/${round}/update`, start);
  const { status } = await send(silo, "PUT", `/v1/rounds/${round}/update?offset=0`, frames(bytes, 0));
  assertEquals(status, 200);
}

Deno.test("Attendance: 60 s without a word are a loss, told once; a word brings the silo back", () =>
  withRound(({ run, events }) => {
    const clock = stopClock(run);
    const told = () =>
      events.flatMap((e) => e.type === "lost" || e.type === "returned" ? [[e.type, e.silo]] : []);
    const { attendance } = run;
    for (let second = 0; second < 70; second += 10) {
      for (const silo of ["a", "b"]) attendance.beat(silo, beat(run));
      attendance.look();
      if (second < 60) assertEquals(told(), []);
      clock.pass(10);
    }
    attendance.look();
    assertEquals(told(), [["lost", "c"]]);
    assertEquals([attendance.lost("c"), attendance.roster()], [true, ["a", "b"]]);
    assertEquals(attendance.connected, ["a", "b"]);
    attendance.hear("c");
    assertEquals(told(), [["lost", "c"], ["returned", "c"]]);
    assertEquals(attendance.roster(), ["a", "b", "c"]);
    return Promise.resolve();
  }, { quorum: 2 }));

Deno.test("Attendance.roster is for everybody who joined when those who are not lost are no quorum", () =>
  withRound(({ run }) => {
    const clock = stopClock(run);
    clock.pass(29);
    run.attendance.look();
    clock.pass(29);
    run.attendance.hear("a");
    run.attendance.look();
    clock.pass(29);
    run.attendance.look();
    assertEquals(["a", "b", "c"].map((silo) => run.attendance.lost(silo)), [false, true, true]);
    assertEquals(run.attendance.roster(), ["a", "b", "c"]);
    return Promise.resolve();
  }, { quorum: 2 }));

Deno.test("Attendance: an aggregator that was stopped itself holds nobody for lost", () =>
  withRound(({ run }) => {
    const clock = stopClock(run);
    clock.pass(600);
    run.attendance.look();
    assertEquals(run.attendance.roster().filter((silo) => run.attendance.lost(silo)), []);
    return Promise.resolve();
  }));

Deno.test("Attendance.standing: waiting, training k/K, uploading, counted, late, lost", () =>
  withRound(async (bench) => {
    const { run } = bench;
    const { attendance } = run;
    const standing = (silo: string) => {
      const { state, step, steps } = attendance.standing(silo);
      return state === "training" ? `${state} ${step}/${steps}` : state;
    };
    assertEquals(standing("c"), "waiting");
    attendance.beat("c", beat(run));
    assertEquals(standing("c"), "training 2/3");
    for (const silo of ["a", "b"]) await count(bench, silo);
    assertEquals(standing("a"), "counted");
    await closeRow(run, run.open!);
    openRow(run);
    assertEquals([standing("a"), standing("c")], ["waiting", "late"]);
    attendance.beat("c", beat(run, { round: 2, phase: "uploading", step: 3 }));
    assertEquals(standing("c"), "uploading");
    lose(run, "c");
    assertEquals(standing("c"), "lost");
  }, { quorum: 2 }));

Deno.test("a restarted aggregator takes whom the newest row left out for lost until it is heard", () =>
  withRound(async (bench) => {
    const { run } = bench;
    for (const silo of ["a", "b"]) await count(bench, silo);
    lose(run, "c");
    await closeRow(run, run.open!);
    assertEquals(openRow(run)!.row.roster, ["a", "b"]);
    const again = new Run(run.state, { layout: TINY, onEvent: () => {}, faultPoint: () => {} });
    assertEquals(["a", "b", "c"].map((silo) => again.attendance.lost(silo)), [false, false, true]);
    assertEquals(again.attendance.standing("c").state, "lost");
    again.attendance.attach("c", {});
    assertEquals(again.attendance.roster(), ["a", "b", "c"]);
  }, { quorum: 2 }));
