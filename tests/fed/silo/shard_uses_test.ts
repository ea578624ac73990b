import { assertEquals, assertRejects } from "@std/assert";
import { flowerRole } from "../../../src/fed/flower/journal.ts";
import { type ShardUse, shardUses } from "../../../src/fed/silo/shard_uses.ts";
import { SiloState } from "../../../src/fed/silo/state.ts";
import { AGGREGATOR, StateFolder } from "../../../src/fed/state/folder.ts";
import { inFolder } from "../../testing/folder.ts";
import { list } from "../../testing/small_hospital.ts";

const [NEW, OLD, OTHER] = ["a", "b", "c"].map((digit) => digit.repeat(64));

/** A silo's state of a run with a shard, after so many rounds with an update. */
async function silo(
  dir: string,
  { shard, rounds, latest = rounds, run = "r1" }: {
    shard?: string;
    rounds: number;
    latest?: number;
    run?: string;
  },
): Promise<void> {
  using state = await SiloState.open(dir, { silo: "b" });
  state.joined = { run, proposal: {} as never, late: false, shard };
  state.tally = { rounds, latest, trained: 0, scored: 0, since: null };
}

const use = (state: string, more: Partial<ShardUse>): ShardUse => ({
  ...{ state, silo: "b", run: "r1", rounds: 0, latest: 0, running: false, finished: false },
  ...more,
});

Deno.test("shardUses: finds runs by the digest that a silo joined with, in a state, a folder of states, and one set aside", () =>
  inFolder(async (dir) => {
    const states = `${dir}/fedx-state`;
    await silo(`${states}/b`, { shard: NEW, rounds: 6 });
    await silo(`${states}/b.20260101T000000Z`, { shard: OLD, rounds: 2, latest: 5, run: "r0" });
    await silo(`${states}/c`, { shard: OTHER, rounds: 9 });
    (await SiloState.open(`${states}/never`, { silo: "b" }))[Symbol.dispose]();
    (await StateFolder.open(`${states}/aggregator`, { role: AGGREGATOR }))[Symbol.dispose]();
    await Deno.mkdir(`${states}/logs`);
    const before = await list(`${states}/b`);
    const older = use(`${states}/b.20260101T000000Z`, { run: "r0", rounds: 2, latest: 5 });
    const newer = use(`${states}/b`, { rounds: 6, latest: 6 });
    assertEquals(await shardUses([states], [OLD, NEW]), [newer, older]);
    assertEquals(await shardUses([states], [OLD]), [older]);
    assertEquals(await shardUses([`${states}/b`], [NEW]), [newer]);
    assertEquals(await shardUses([`${states}/c`], [NEW]), []);
    assertEquals(await list(`${states}/b`), before);
  }));

Deno.test("shardUses: a state that does not say its shard is shown, since it may be this one; so is that it runs", () =>
  inFolder(async (dir) => {
    await silo(`${dir}/older`, { rounds: 3 });
    (await StateFolder.open(`${dir}/flower`, { role: flowerRole("b") }))[Symbol.dispose]();
    assertEquals(await shardUses([dir], [NEW]), [
      use(`${dir}/flower`, { run: null }),
      use(`${dir}/older`, { run: null, rounds: 3, latest: 3 }),
    ]);
    await silo(`${dir}/older`, { shard: NEW, rounds: 3 });
    using state = await SiloState.open(`${dir}/older`, { silo: "b" });
    state.result = { finished: "2026-01-01" } as never;
    assertEquals(await shardUses([`${dir}/older`], [NEW]), [
      use(`${dir}/older`, { rounds: 3, latest: 3, running: true, finished: true }),
    ]);
  }));

Deno.test("shardUses: a folder that is not there, or is a file, is refused", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "");
    for (const name of ["none", "file"]) {
      await assertRejects(
        () => shardUses([`${dir}/${name}`], [NEW]),
        Error,
        "expected a silo's state folder, or one with such folders in it, got none",
      );
    }
  }));
