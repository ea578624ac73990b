import { assertEquals } from "@std/assert";
import { gather, type Wanted } from "../../../src/fed/aggregator/quorum.ts";
import { type Bench, lose, withRound } from "../../testing/open_round.ts";

const LIMITS = { quorum: 2, roundTimeout: 60, joinTimeout: 150 };

/** What a run waits for, as if it came from `sent`. */
function wanted(sent: Set<string>, changes: Partial<Wanted> = {}): Wanted {
  return {
    what: "updates",
    round: 1,
    roster: () => ["a", "b", "c"],
    has: (silo) => sent.has(silo),
    ...changes,
  };
}

/** Lets time pass, and whoever waited for it go on. */
async function pass({ clock }: Bench, seconds: number): Promise<void> {
  clock.pass(seconds);
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** What comes of waiting, or "open" while it goes on. */
const outcomeOf = (waiting: Promise<string>) => Promise.race([waiting, Promise.resolve("open")]);

const reopened = ({ events }: Bench) =>
  events.flatMap((event) => event.type === "reopened" ? [event.missing.join()] : []);

Deno.test("gather is done at once when everybody has sent, and at the timeout when a quorum has", () =>
  withRound(async (bench) => {
    assertEquals(await gather(bench.run, wanted(new Set("abc"))), "enough");
    const waiting = gather(bench.run, wanted(new Set("ab")));
    await pass(bench, LIMITS.roundTimeout - 1);
    assertEquals(await outcomeOf(waiting), "open");
    await pass(bench, 1);
    assertEquals(await waiting, "enough");
    assertEquals(reopened(bench), []);
  }, LIMITS));

Deno.test("gather counts an update that makes the quorum just before the timeout", () =>
  withRound(async (bench) => {
    const sent = new Set("a");
    // Nobody is told: the timeout itself looks again.
    const outcome = gather(bench.run, wanted(sent));
    sent.add("b");
    await pass(bench, LIMITS.roundTimeout);
    assertEquals(await outcome, "enough");
    assertEquals(reopened(bench), []);
  }, LIMITS));

Deno.test("gather waits for nobody who is lost once a quorum has sent, and for the lost below it", () =>
  withRound(async (bench) => {
    const { run, events } = bench;
    lose(bench, "c");
    assertEquals(events.findLast(({ type }) => type === "lost"), {
      type: "lost",
      silo: "c",
      round: 1,
      reason: "silent for 60 s",
    });
    assertEquals(await gather(run, wanted(new Set("ab"))), "enough");
    const sent = new Set("a");
    const outcome = gather(run, wanted(sent));
    for (const silo of ["b", "c"]) {
      assertEquals(await outcomeOf(outcome), "open");
      sent.add(silo);
      run.notify();
    }
    assertEquals(await outcome, "enough");
  }, LIMITS));

Deno.test("gather opens again below the quorum until the join timeout, naming who is missing", () =>
  withRound(async (bench) => {
    const outcome = gather(bench.run, wanted(new Set("a")));
    // Open again after 60, 120 and 180 s; given up 150 s after the first time.
    for (const seconds of [60, 60, 60, 29]) await pass(bench, seconds);
    assertEquals(await outcomeOf(outcome), "open");
    assertEquals(reopened(bench), ["b,c", "b,c", "b,c"]);
    await pass(bench, 1);
    assertEquals(await outcome, "absent");
    assertEquals(reopened(bench), ["b,c", "b,c", "b,c"]);
  }, LIMITS));

Deno.test("gather ends in a row that is open again as soon as a quorum and whoever is there have sent", () =>
  withRound(async (bench) => {
    const sent = new Set("a");
    const outcome = gather(bench.run, wanted(sent));
    await pass(bench, LIMITS.roundTimeout + 1);
    assertEquals(reopened(bench), ["b,c"]);
    sent.add("b").add("c");
    bench.run.notify();
    assertEquals(await outcome, "enough");
  }, LIMITS));

Deno.test("gather gives up at the end of the budget, unless a quorum has sent", () =>
  withRound(async (bench) => {
    const { run } = bench;
    const giveUp = run.now() + 30;
    const outcome = gather(run, wanted(new Set("a"), { giveUp }));
    await pass(bench, 30);
    assertEquals(await outcome, "given_up");
    assertEquals(await gather(run, wanted(new Set("ab"), { giveUp })), "enough");
  }, LIMITS));
