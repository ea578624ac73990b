/**
 * Masked runs in which a role comes back with less than it had: the aggregator from a copy of its state, a silo without
 * its own. No row is masked for a second roster, and no keys of which masks were made are replaced.
 */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { AggregatorResult, SiloResult } from "../../src/fed/training/result.ts";
import {
  killAt,
  Killed,
  MASKED,
  runFederation,
  runRole,
  withFederation,
} from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";

const FOUR = ["a", "b", "c", "d"];
const failure = (error: unknown) => error as ProtocolError;

/** Copies a state folder; nothing writes to it meanwhile. */
async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true, mode: 0o700 });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** For the aggregator's `onFault`: keeps a copy of its state at the nth `before_roster`, then ends it at `point`. */
function copyThenKill(dir: string, nth: number, point: string) {
  let rosters = 0;
  let copied = false;
  return async (name: string) => {
    if (name === "before_roster" && ++rosters === nth) {
      await copy(`${dir}/state-aggregator`, `${dir}/copy`);
      copied = true;
    }
    if (copied && name === point) throw new Killed();
  };
}

/** Puts the copy back in the place of the aggregator's state. */
async function restore(dir: string): Promise<void> {
  await Deno.remove(`${dir}/state-aggregator`, { recursive: true });
  await Deno.rename(`${dir}/copy`, `${dir}/state-aggregator`);
}

/** What an undisturbed run of these silos ends with. */
async function undisturbed(silos: string[], rounds: number): Promise<string> {
  let sha256 = "";
  await withFederation(async (dir) => {
    const proposal = { silos, quorum: silos.length, ...MASKED };
    sha256 = (await runFederation({ dir, rounds, proposal })).result.last_sha256;
  }, silos);
  return sha256;
}

for (const point of ["roster_settled", "before_fold"]) {
  Deno.test(`an aggregator restored behind a roster, from ${point} on, gets the same readies, and the run ends as ever`, async () => {
    const expected = await undisturbed(["a", "b", "c"], 2);
    await withFederation(async (dir) => {
      const spec = { dir, port: freePort(), rounds: 2, proposal: MASKED };
      const events: FedEvent[] = [];
      const onEvent = (event: FedEvent) => void events.push(event);
      const silos = Promise.all(["a", "b", "c"].map((role) => runRole({ ...spec, role })));
      const onFault = copyThenKill(dir, 2, point);
      await assertRejects(() => runRole({ ...spec, role: "aggregator" }, { onEvent, onFault }), Killed);
      await restore(dir);
      const { last_sha256 } = await runRole({ ...spec, role: "aggregator" }, { onEvent }) as AggregatorResult;
      assertEquals(last_sha256, expected);
      await silos;
      const rosters = events.flatMap((event) =>
        event.type === "roster" && event.round === 2 ? [event.sha256] : []
      );
      assertEquals([rosters.length, new Set(rosters).size], [2, 1]);
    });
  });
}

Deno.test("an aggregator restored behind a roster settles another one: the silos refuse, the best model is kept", () =>
  withFederation(async (dir) => {
    const proposal = { silos: FOUR, quorum: 3, roundTimeout: 8, joinTimeout: 4, ...MASKED };
    const spec = { dir, port: freePort(), rounds: 2, proposal };
    const hub = runRole({ ...spec, role: "aggregator" }, { onFault: copyThenKill(dir, 2, "before_fold") });
    const leave = new AbortController();
    const staying = ["a", "b", "c"].map((role) => runRole({ ...spec, role }).catch(failure));
    const d = runRole({ ...spec, role: "d" }, { signal: leave.signal }).catch(failure);
    await assertRejects(() => hub, Killed);
    leave.abort(new Error("gone"));
    await d;
    await restore(dir);
    const error = await runRole({ ...spec, role: "aggregator" }).catch(failure) as ProtocolError;
    assertEquals(error.code, "round_timeout", error.message);
    assertMatch(error.message, /masked updates of a, b, c in round 2, .*; the model selected so far is/);
    await Deno.stat(`${dir}/state-aggregator/model.safetensors`);
    for (const { code, message } of await Promise.all(staying) as ProtocolError[]) {
      assertEquals(code, "second_roster", message);
      assertMatch(
        message,
        /a, b, c, d \([0-9a-f]{12}\), got a, b, c \([0-9a-f]{12}\) \(remedy: .*--new and --init/,
      );
    }
  }, FOUR));

Deno.test("a silo that lost its state before any roster comes with new keys, and the run goes on; a second time it does not", async () => {
  const expected = await undisturbed(["a", "b", "c"], 2);
  for (const losses of [1, 2]) {
    await withFederation(async (dir) => {
      const spec = { dir, port: freePort(), rounds: 2, proposal: MASKED };
      const stop = new AbortController();
      const { signal } = stop;
      const others = Promise.allSettled(
        ["aggregator", "a", "c"].map((role) => runRole({ ...spec, role }, { signal })),
      );
      for (let loss = 0; loss < losses; loss++) {
        await assertRejects(
          () => runRole({ ...spec, role: "b" }, { onFault: killAt("ready_written") }),
          Killed,
        );
        await Deno.remove(`${dir}/state-b`, { recursive: true });
      }
      const b = await runRole({ ...spec, role: "b" }).catch(failure);
      if (losses === 1) {
        const [hub] = await others;
        assert(hub.status === "fulfilled", "the run");
        assertEquals((hub.value as AggregatorResult).last_sha256, expected);
        assertEquals((b as SiloResult).rounds, 2);
      } else {
        assert(b instanceof ProtocolError, "third keys");
        assertEquals(b.code, "lost_keys");
        stop.abort(new Error("nobody is left"));
        await others;
      }
    });
  }
});

Deno.test("a silo that lost its state after a roster is told that its keys are gone, and what to do", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 2, proposal: MASKED };
    const stop = new AbortController();
    const { signal } = stop;
    const others = Promise.allSettled(
      ["aggregator", "a", "c"].map((role) => runRole({ ...spec, role }, { signal })),
    );
    await assertRejects(() => runRole({ ...spec, role: "b" }, { onFault: killAt("masked") }), Killed);
    await Deno.rename(`${dir}/state-b`, `${dir}/kept-b`);
    const error = await assertRejects(() => runRole({ ...spec, role: "b" }), ProtocolError);
    assertEquals(error.code, "lost_keys");
    assertMatch(
      error.message,
      /masks were made with those of before: expected the public key [0-9a-f]{64}, got/,
    );
    assertMatch(error.message, /remedy: bring back this silo's --state .*--new --init/);
    await Deno.remove(`${dir}/state-b`, { recursive: true });
    await Deno.rename(`${dir}/kept-b`, `${dir}/state-b`);
    await runRole({ ...spec, role: "b" });
    assertEquals((await others).map(({ status }) => status), ["fulfilled", "fulfilled", "fulfilled"]);
  }));

Deno.test("a silo of a settled roster whose update was lost, and is another one when it is trained again, says so", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 1, proposal: MASKED };
    const stop = new AbortController();
    const settled = Promise.withResolvers<void>();
    const onEvent = ({ type }: FedEvent) => void (type === "roster" && settled.resolve());
    const others = Promise.allSettled([
      runRole({ ...spec, role: "aggregator" }, { signal: stop.signal, onEvent }),
      ...["a", "b"].map((role) => runRole({ ...spec, role }, { signal: stop.signal })),
    ]);
    const onFault = async (name: string) => {
      if (name !== "ready_sent") return;
      await settled.promise;
      throw new Killed();
    };
    await assertRejects(() => runRole({ ...spec, role: "c" }, { onFault }), Killed);
    {
      using db = new DatabaseSync(`${dir}/state-c/run.sqlite`);
      const text = "UPDATE meta SET value = json_set(value, '$.delta', ?) WHERE key = 'ready'";
      assertEquals(Number(db.prepare(text).run("7".repeat(64)).changes), 1);
    }
    const error = await assertRejects(() => runRole({ ...spec, role: "c" }), ProtocolError);
    stop.abort(new Error("c does not come back"));
    await others;
    assertEquals(error.code, "second_roster");
    assertMatch(error.message, /the update of round 1 that this silo was ready with, got another one/);
  }));
