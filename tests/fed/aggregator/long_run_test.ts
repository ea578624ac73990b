/** A round of a run that has had a thousand costs what a round of a run that has had ten does. */
import { StatementSync } from "node:sqlite";
import { assert, assertEquals } from "@std/assert";
import { closeRound } from "../../../src/fed/aggregator/close_round.ts";
import { planOf } from "../../../src/fed/aggregator/join.ts";
import { openRound } from "../../../src/fed/aggregator/open_round.ts";
import { AggregatorState } from "../../../src/fed/aggregator/state.ts";
import { gather } from "../../../src/fed/aggregator/quorum.ts";
import type { RoundSettings } from "../../../src/fed/protocol/messages.ts";
import { inFolder } from "../../testing/folder.ts";
import { type Bench, frames, openBench, registration, update } from "../../testing/open_round.ts";

const SILOS = ["a", "b", "c"];

/** How often something was done. */
interface Counts {
  /** Texts parsed as JSON: rows of the database and messages of silos. */
  parsed: number;
  /** Rows that the database gave. */
  rows: number;
  /** Files removed, or tried to. */
  removed: number;
}

/** Has every call of a method noted with what it returns; returns what ends that. */
function watch(object: object, name: string, note: (returned: unknown) => void): () => void {
  const methods = object as Record<string, (...args: unknown[]) => unknown>;
  const original = methods[name];
  methods[name] = function (...args) {
    const returned = original.apply(this, args);
    note(returned);
    return returned;
  };
  return () => void (methods[name] = original);
}

/** Counts what is done until it is disposed of. */
function counting(): Counts & Disposable {
  const counts = { parsed: 0, rows: 0, removed: 0 };
  const ends = [
    watch(JSON, "parse", () => counts.parsed++),
    watch(Deno, "remove", () => counts.removed++),
    watch(StatementSync.prototype, "get", () => counts.rows++),
    watch(StatementSync.prototype, "all", (rows) => counts.rows += (rows as unknown[]).length),
  ];
  return Object.assign(counts, { [Symbol.dispose]: () => ends.forEach((end) => end()) });
}

/** Stores so many rounds that nobody ran: all silos scored and counted in each. */
function storeRounds(state: AggregatorState, rounds: number): void {
  const { folder, run, proposal } = state;
  for (const silo of SILOS) state.join(registration(silo));
  state.freeze(planOf(proposal!, state.joined.values()));
  const digest = proposal!.init.sha256;
  folder.transaction(() => {
    const put = (into: string, ...values: (string | number)[]) =>
      folder.db.prepare(`INSERT OR REPLACE INTO ${into} VALUES (${values.map(() => "?").join()})`).run(
        ...values,
      );
    for (let round = 1; round <= rounds; round++) {
      const row: RoundSettings = {
        ...{ version: 3, run: run!, round, base: digest, roster: SILOS, score: true, last: false },
        silos: Object.fromEntries(SILOS.map((silo) => [silo, { from: round - 1, to: round }])),
        ...{ p0: (round - 1) / 2000, p1: round / 2000, scale: { weights: 32, statistics: 20 } },
      };
      put("rows", round, JSON.stringify(row), round);
      put("models", round, digest, round + 0.5);
      for (const silo of SILOS) {
        const scores = { run: run!, round, auroc: 0.8, se: 0.04, loss: 0.5, positives: 48, negatives: 48 };
        put("scores", round, silo, JSON.stringify({ ...scores, seconds: { pull: 1, score: 1, train: 1 } }));
        put("receipts", round, silo, JSON.stringify({ run, round, silo, sha256: digest, examples: 96 }));
      }
    }
  });
  folder.set("held", [0, rounds]);
}

/** One round of silos that ask for it, score, send their updates and ask again; then the next one is open. */
async function runRound({ run, send }: Bench): Promise<void> {
  const { row } = run.state.current!;
  const { round } = row;
  for (const silo of SILOS) {
    await send(silo, "GET", "/v1/run");
    const scores = { run: run.id, round, auroc: 0.8, se: 0.04, loss: 0.5, positives: 48, negatives: 48 };
    const told = { ...scores, seconds: { pull: 1, score: 1, train: 1 } };
    assertEquals((await send(silo, "POST", `/v1/rounds/${round}/scores`, told)).status, 200);
    const { start, bytes } = update(run, { round });
    await send(silo, "POST", `/v1/rounds/${round}/update`, start);
    const put = await send(silo, "PUT", `/v1/rounds/${round}/update?offset=0`, frames(bytes, 0));
    assertEquals(put.json.receipt?.round, round);
    await send(silo, "GET", "/v1/run");
  }
  const has = (silo: string) => run.state.counted(round).has(silo);
  assertEquals(await gather(run, { what: "updates", round, roster: () => SILOS, has }), "enough");
  await closeRound(run, run.state.current!);
  openRound(run);
}

/** What the second round of a process does that goes on with a run of so many rounds; with the first it starts. */
async function countsAfter(rounds: number): Promise<Counts> {
  let counts!: Counts;
  await inFolder(async (dir) => {
    const changes = { rounds: 2000, roundTimeout: null };
    {
      using state = await AggregatorState.open(dir);
      const { run } = await openBench(state, dir, changes);
      storeRounds(state, rounds);
      await Deno.copyFile(state.modelPath(0), state.modelPath(rounds));
      assertEquals(run.id, state.run);
    }
    using state = await AggregatorState.open(dir);
    const bench = await openBench(state, dir, changes);
    openRound(bench.run);
    await runRound(bench);
    using counted = counting();
    await runRound(bench);
    assertEquals(state.rounds, rounds + 2);
    const { parsed, rows, removed } = counted;
    counts = { parsed, rows, removed };
  });
  return counts;
}

Deno.test("a round parses, reads and removes after 1,000 rounds what it does after 10", async () => {
  const early = await countsAfter(10), late = await countsAfter(1000);
  assertEquals(late, early);
  // Nothing but the silos' messages: scores and an update's start of each.
  assertEquals(early.parsed, 2 * SILOS.length);
  assert(early.rows <= SILOS.length, `${early.rows} rows read`);
});
