/** Rounds of a quarter of a pass over 96 films in batches of 32: .75 steps, so that nobody has one in the first. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { closeRound } from "../../../src/fed/aggregator/close_round.ts";
import { openRound } from "../../../src/fed/aggregator/open_round.ts";
import { hasPart, stepsIn } from "../../../src/fed/aggregator/part.ts";
import { recentTimings } from "../../../src/fed/aggregator/timing.ts";
import { type Bench, count, update, withRound } from "../../testing/open_round.ts";

const QUARTERS = { localEpochs: 0.25, quorum: 2 };

/** What a silo says of its turn: with figures of `val` or without. */
const turn = ({ run }: Bench, scored: boolean, round = run.state.current!.row.round) => ({
  ...{ run: run.id, round },
  ...scored
    ? { auroc: 0.8, se: 0.05, loss: 0.5, positives: 48, negatives: 48 }
    : { auroc: null, se: null, loss: null, positives: 0, negatives: 0 },
});

const say = ({ send }: Bench, silo: string, body: { round: number } & Record<string, unknown>) =>
  send(silo, "POST", `/v1/rounds/${body.round}/scores`, body);

/** Round 1 without c; round 2 is open then. */
async function closeFirst(bench: Bench): Promise<void> {
  const { run } = bench;
  for (const silo of ["a", "b"]) assertEquals((await say(bench, silo, turn(bench, true))).status, 200);
  await closeRound(run, run.state.current!);
  openRound(run);
}

Deno.test("who has no step in a round has done its part with its figures; without any step the model stays", () =>
  withRound(async (bench) => {
    const { run, send, events } = bench;
    const { start } = update(run);
    const refused = await send("a", "POST", "/v1/rounds/1/update", start);
    assertEquals(
      [refused.status, refused.json.code],
      [409, "not_in_roster"],
      "it would count with all its films",
    );
    assertEquals(hasPart(run.state, 1, "a"), false);
    assertEquals((await say(bench, "a", turn(bench, false))).json.code, "wrong_counts");
    await closeFirst(bench);
    const { models, rows, totals } = run.state;
    assertEquals(models.get(1), models.get(0));
    assertEquals(["a", "b", "c"].map((silo) => totals.passes(silo)), [0.25, 0.25, 0]);
    assertEquals(events.flatMap((event) => event.type === "degraded" ? [event.missing] : []), [["c"]]);
    assertEquals(Object.values(rows[1].row.silos).map(({ from, to }) => [from, to]), [
      ...[[0.25, 0.5], [0.25, 0.5], [0, 0.25]],
    ]);
    assertEquals(["a", "b", "c"].map((silo) => stepsIn(run.state, 2, silo)), [1, 1, 0]);
    assertEquals(stepsIn(run.state, 3, "a"), null);
  }, QUARTERS));

Deno.test("a row that asks for no scores takes none: figures are refused, what a turn took is kept", () =>
  withRound(async (bench) => {
    const { run, events } = bench;
    await closeFirst(bench);
    assertEquals(run.state.current!.row.score, false);
    const figures = [{}, { auroc: null, se: null }, { auroc: null, se: null, loss: null }];
    for (const change of figures) {
      const { status, json } = await say(bench, "a", { ...turn(bench, true), ...change });
      assertEquals([status, json.code], [409, "wrong_counts"]);
      assertMatch(json.expected, /no scores in a round that asks for none/);
    }
    const wild = { ...turn(bench, false), diverged: true };
    assertEquals((await say(bench, "a", wild)).json.code, "wrong_counts");
    const told = events.filter(({ type }) => type === "scored").length;
    const seconds = { pull: 1, train: 4 };
    for (let again = 0; again < 2; again++) {
      assertEquals((await say(bench, "a", { ...turn(bench, false), seconds, skipped: 0 })).status, 200);
    }
    assertEquals(hasPart(run.state, 2, "a"), false, "it has a step, so its update is its part");
    await count(bench, "a");
    assert(hasPart(run.state, 2, "a"));
    await say(bench, "c", turn(bench, false));
    await count(bench, "b");
    assert(hasPart(run.state, 2, "c") && run.state.counted(2).size === 2);
    await closeRound(run, run.state.current!);
    openRound(run);
    assertEquals(
      events.filter(({ type }) => type === "scored").length,
      told,
      "no scores without figures are told",
    );
    assertEquals([...run.state.scores.keys()], [1]);
    assertEquals(recentTimings(run, run.now(), false).map(({ train }) => train), [null, 4, null]);
  }, QUARTERS));

Deno.test("figures that come while the round is being closed without them are late, as an update is", () =>
  withRound(async (bench) => {
    const { run, hook } = bench;
    for (const silo of ["a", "b"]) await say(bench, silo, turn(bench, true));
    let late: { status: number; json: { code?: string } } | null = null;
    hook.at = async (name) => {
      if (name === "folded") late = await say(bench, "c", turn(bench, true));
    };
    await closeRound(run, run.state.current!);
    assertEquals([late!.status, late!.json.code], [409, "round_closed"]);
    assertEquals(run.state.totals.passes("c"), 0);
  }, QUARTERS));

Deno.test("after a round without scores was given up, the last model is scored all the same", () =>
  withRound(async (bench) => {
    const { run } = bench;
    await closeFirst(bench);
    await say(bench, "a", turn(bench, false));
    run.abandon(2, "the budget's end");
    run.beginClosing();
    assertEquals(run.state.scores.get(2), undefined);
    const dropped = await say(bench, "b", turn(bench, false, 2));
    assertEquals(
      [dropped.status, dropped.json.code],
      [409, "round_closed"],
      "b goes on to the closing phase",
    );
    for (const silo of ["a", "b"]) assertEquals((await say(bench, silo, turn(bench, true, 2))).status, 200);
    assertEquals(Object.keys(run.state.scores.get(2)!), ["a", "b"]);
  }, { ...QUARTERS, rounds: null, budget: 600 }));

Deno.test("the operator is told once of each silo that its rounds hold few steps", () =>
  withRound(async (bench) => {
    await closeFirst(bench);
    const told = bench.events.flatMap((event) => event.type === "warning" ? [event.text] : []);
    assertEquals(told.length, 3);
    for (const [at, silo] of ["a", "b", "c"].entries()) {
      assertMatch(told[at], new RegExp(`^about 0\\.75 steps a round at ${silo}, fewer than 20`));
    }
  }, QUARTERS));
