import { assert, assertEquals } from "@std/assert";
import { gather, type Wanted } from "../../../src/fed/aggregator/quorum.ts";
import { type Bench, lose, withRound } from "../../testing/open_round.ts";

const LIMITS = { quorum: 2, roundTimeout: 0.2, joinTimeout: 0.5 };

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

const reopened = ({ events }: Bench) =>
  events.flatMap((event) => event.type === "reopened" ? [event.missing.join()] : []);

Deno.test("gather is done at once when everybody has sent, and at the timeout when a quorum has", () =>
  withRound(async (bench) => {
    assertEquals(await gather(bench.run, wanted(new Set("abc"))), "enough");
    const began = bench.run.now();
    assertEquals(await gather(bench.run, wanted(new Set("ab"))), "enough");
    assert(bench.run.now() - began >= LIMITS.roundTimeout);
    assertEquals(reopened(bench), []);
  }, LIMITS));

Deno.test("gather counts an update that makes the quorum just before the timeout", () =>
  withRound(async (bench) => {
    const sent = new Set("a");
    // Nobody is told: the timeout itself looks again.
    const outcome = gather(bench.run, wanted(sent));
    sent.add("b");
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
      assertEquals(await Promise.race([outcome, Promise.resolve("open")]), "open");
      sent.add(silo);
      run.notify();
    }
    assertEquals(await outcome, "enough");
  }, { ...LIMITS, roundTimeout: 60 }));

Deno.test("gather opens again below the quorum until the join timeout, naming who is missing", () =>
  withRound(async (bench) => {
    const began = bench.run.now();
    assertEquals(await gather(bench.run, wanted(new Set("a"))), "absent");
    const took = bench.run.now() - began;
    assert(took >= LIMITS.roundTimeout + LIMITS.joinTimeout, `${took} s`);
    assertEquals(reopened(bench), ["b,c", "b,c", "b,c"]);
  }, LIMITS));

Deno.test("gather ends in a row that is open again as soon as a quorum and whoever is there have sent", () =>
  withRound(async (bench) => {
    const sent = new Set("a");
    const outcome = gather(bench.run, wanted(sent));
    await new Promise((resolve) => setTimeout(resolve, LIMITS.roundTimeout * 1500));
    assertEquals(reopened(bench), ["b,c"]);
    sent.add("b").add("c");
    bench.run.notify();
    assertEquals(await outcome, "enough");
  }, LIMITS));

Deno.test("gather gives up at the end of the budget, unless a quorum has sent", () =>
  withRound(async ({ run }) => {
    const giveUp = run.now() + 0.1;
    assertEquals(await gather(run, wanted(new Set("a"), { giveUp })), "given_up");
    assertEquals(await gather(run, wanted(new Set("ab"), { giveUp })), "enough");
  }, LIMITS));
