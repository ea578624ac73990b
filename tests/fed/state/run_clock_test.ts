import { assertAlmostEquals, assertEquals } from "@std/assert";
import { abandonTime } from "../../../src/fed/aggregator/timing.ts";
import { Run } from "../../../src/fed/aggregator/run.ts";
import { MACHINE, RunClock } from "../../../src/fed/state/run_clock.ts";
import { TINY } from "../../testing/fake_trainer.ts";
import { StillClock } from "../../testing/still_clock.ts";
import { withRound } from "../../testing/open_round.ts";

const DAY = 86_400;
const START = 1_700_000_000;

/** A machine whose clock somebody sets, and whose time a test lets pass. */
class SetClock extends StillClock {
  #set = 0;
  override readonly wall = () => this.monotonic() + this.#set;

  /** Sets the machine's clock ahead, or back. */
  set(seconds: number): void {
    this.#set += seconds;
  }
}

/** The machine started again: the wall clock so much further, the other one anywhere. */
function restarted(before: SetClock, away: number): SetClock {
  const clock = new SetClock();
  clock.set(before.wall() - START + away);
  return clock;
}

Deno.test("RunClock: a clock that is set a day ahead or back while the process runs changes nothing", () => {
  const machine = new SetClock();
  const clock = new RunClock(null, { clock: machine });
  assertEquals(clock.now(), START);
  for (const jump of [DAY, -DAY, -DAY]) {
    const before = clock.now();
    machine.set(jump);
    machine.pass(10);
    assertEquals(clock.now() - before, 10);
  }
});

Deno.test("RunClock: downtime counts as the wall clock says, from 0 to the budget, whatever it was set to before", () => {
  const machine = new SetClock();
  const clock = new RunClock(null, { clock: machine });
  machine.pass(100);
  machine.set(3 * DAY); // NTP at last; nothing of it is downtime
  const stored = clock.moment();
  const after = (away: number, longest: number | null = 1200) =>
    new RunClock(stored, { longest, clock: restarted(machine, away) }).now() - clock.now();
  assertEquals([30, -DAY, -1, DAY].map((away) => after(away)), [30, 0, 0, 1200]);
  assertEquals(after(DAY, null), DAY);
});

Deno.test("RunClock goes on by this machine's monotonic clock", () => {
  const clock = new RunClock(null);
  const ahead = clock.now() - MACHINE.monotonic();
  assertAlmostEquals(clock.now() - MACHINE.monotonic(), ahead, 1);
});

Deno.test("RunClock.every rings again and again, until it is ended; an alarm rings once, unless it is called off", () => {
  const machine = new SetClock();
  const clock = new RunClock(null, { clock: machine });
  const rung: string[] = [];
  const end = clock.every(10, () => rung.push("every"));
  clock.alarm(15, () => rung.push("once"));
  clock.alarm(15, () => rung.push("never"))();
  for (const seconds of [9, 1, 5, 5]) machine.pass(seconds);
  assertEquals(rung, ["every", "once", "every"]);
  end();
  machine.pass(100);
  assertEquals(rung.length, 3);
});

const other = { layout: TINY, onEvent: () => {}, faultPoint: () => {} };
const BUDGET = { rounds: null, budget: 1200, roundTimeout: 300 };

Deno.test("a run under a budget: a clock set by a day ends no round, extends none, and loses no silo", () =>
  withRound(({ state }) => {
    const machine = new SetClock();
    const run = new Run(state, { ...other, clock: machine });
    const left = () => abandonTime(run) - run.now();
    const before = left();
    for (const jump of [DAY, -2 * DAY]) {
      machine.set(jump);
      run.attendance.findLost();
      assertEquals(left(), before);
      assertEquals([...run.state.joined.keys()].filter((silo) => run.attendance.isLost(silo)), []);
    }
    machine.pass(60);
    assertEquals(left(), before - 60);
    return Promise.resolve();
  }, BUDGET));

Deno.test("a restart under a clock a day behind goes on where the run was; a day ahead costs the budget at most", () =>
  withRound(({ state }) => {
    const machine = new SetClock();
    const run = new Run(state, { ...other, clock: machine });
    run.storeTime();
    machine.pass(400);
    run.storeTime();
    const again = (away: number) =>
      new Run(state, { ...other, clock: restarted(machine, away) }).now() - run.now();
    assertEquals([again(20), again(-DAY), again(DAY)], [20, 0, 1200]);
    return Promise.resolve();
  }, BUDGET));

Deno.test("Run.storeTime stores the time every few seconds, and a disk that is full ends nothing", () =>
  withRound(({ state }) => {
    const machine = new SetClock();
    const run = new Run(state, { ...other, clock: machine });
    const stored = () => state.folder.get<{ run: number }>("clock")?.run;
    run.storeTime();
    const first = stored();
    machine.pass(1);
    run.storeTime();
    assertEquals(stored(), first);
    machine.pass(5);
    run.storeTime();
    assertEquals(stored(), first! + 6);
    state.folder.set = () => {
      throw new Error("No space left on device (os error 28)");
    };
    machine.pass(60);
    run.storeTime();
    assertEquals(stored(), first! + 6);
    return Promise.resolve();
  }));
