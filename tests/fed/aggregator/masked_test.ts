/** What the aggregator of a masked run waits for before it settles a roster, and whom it can be settled without. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { canonicalDigest } from "../../../src/files/canonical.ts";
import { leaveOut } from "../../../src/fed/aggregator/away.ts";
import { settleRoster, wantedReadies } from "../../../src/fed/aggregator/masked.ts";
import { lacking, settled } from "../../../src/fed/aggregator/quorum.ts";
import { signReady } from "../../../src/fed/masks/readies.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { type MaskedBench, statedBy, withMaskedRound } from "../../testing/masked_bench.ts";
import { lose, openBench } from "../../testing/open_round.ts";

/** Has silos say that they are ready, with the keys that they have stated last. */
async function ready({ run, row, identities, send }: MaskedBench, silos: string): Promise<void> {
  for (const silo of silos) {
    const { publicKey } = run.state.masks.statements.get(silo)!.signed.statement;
    const examples = run.examples(silo);
    const signed = signReady({ plan: run.state.plan!, row, silo, publicKey, examples }, identities[silo].key);
    assertEquals((await send(silo, "POST", "/v1/rounds/1/ready", signed)).status, 200);
  }
}

const FOUR = { proposal: { silos: ["a", "b", "c", "d"], quorum: 3 } };
const FIVE = { proposal: { silos: ["a", "b", "c", "d", "e"], quorum: 4 } };

Deno.test("a silo that comes back with other keys is not ready by its ready of before", () =>
  withMaskedRound(async (bench) => {
    const { run, row, identities, send } = bench;
    await ready(bench, "abcd");
    const wanted = wantedReadies(run, row, {});
    assertEquals([lacking(wanted), settled(run, wanted)], [[], true]);
    const [, , , anew] = await statedBy(run, identities);
    assertEquals((await send("d", "POST", "/v1/statement", anew)).status, 200);
    assertEquals([lacking(wanted), settled(run, wanted)], [["d"], false]);
    await ready(bench, "d");
    assertEquals([lacking(wanted), settled(run, wanted)], [[], true]);
    await settleRoster(run, row);
    const { readies, digest } = run.state.masks.rosters.get(1)!;
    assertEquals(readies[3].ready.publicKey, anew.statement.publicKey);
    assertEquals(digest, canonicalDigest(readies.map(({ ready }) => ready)));
  }, FOUR));

Deno.test("the others are enough where the operator left out the one that made the open row a quorum", () =>
  withMaskedRound(async (bench) => {
    const { state, dir, row } = bench;
    leaveOut(state, ["d"]);
    const { run } = await openBench(state, dir, bench.run.proposal);
    assertEquals(wantedReadies(bench.run, row, {}).least, 4);
    const opened = { ...row, roster: ["a", "b", "c", "d"] }; // while e was away
    assertEquals(wantedReadies(run, opened, {}).least, 3);
  }, FIVE));

Deno.test("--without that leaves fewer in the open row than a sum has is refused: they would be waited for in vain", () =>
  withMaskedRound((bench) => {
    const { state } = bench;
    state.current!.row.roster.splice(4); // as if e had been away when it opened
    const error = assertThrows(() => leaveOut(state, ["c", "d"]), ProtocolError);
    assertMatch(error.message, /at least 3 silos to go on with in round 1, which is open, got a, b /);
    leaveOut(state, ["d"]);
  }, FIVE));

Deno.test("a ready silo that is heard no more is waited for until it is lost, and then left out of the roster", () =>
  withMaskedRound(async (bench) => {
    const { run, row, clock } = bench;
    await ready(bench, "abcd");
    clock.pass(30);
    for (const silo of "abc") run.attendance.noteHeard(silo);
    const wanted = wantedReadies(run, row, {});
    assertEquals([lacking(wanted), settled(run, wanted)], [["d"], false]);
    lose(bench, "d");
    assertEquals(settled(run, wanted), true);
    await settleRoster(run, row);
    assertEquals(run.state.masks.rosters.get(1)!.names, ["a", "b", "c"]);
  }, FOUR));
