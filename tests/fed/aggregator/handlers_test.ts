import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { type Scores, type UpdateStart, WIRE_VERSION } from "../../../src/fed/protocol/messages.ts";
import { closeRound } from "../../../src/fed/aggregator/close_round.ts";
import { AggregatorState } from "../../../src/fed/aggregator/state.ts";
import { resultOf } from "../../../src/fed/aggregator/summary.ts";
import { stageOf } from "../../../src/fed/protocol/stage.ts";
import { startVector, TINY } from "../../testing/fake_trainer.ts";
import { inFolder } from "../../testing/folder.ts";
import { BYTES, frames, openBench, registration, update, withRound } from "../../testing/open_round.ts";

Deno.test("handlerOf counts a whole update once: the same again has the same receipt, another is refused", () =>
  withRound(async ({ run, send }) => {
    const { start, bytes } = update(run);
    assertEquals((await send("a", "POST", "/v1/rounds/1/update", start)).json, { offset: 0 });
    const first = await send("a", "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0));
    assertEquals([first.status, first.json.offset, first.json.receipt.sha256], [200, BYTES, start.sha256]);
    const again = await send("a", "POST", "/v1/rounds/1/update", start);
    assertEquals(again.json.receipt, first.json.receipt);
    const other = await send("a", "POST", "/v1/rounds/1/update", { ...start, sha256: "0".repeat(64) });
    assertEquals([other.status, other.json.code], [409, "different_update"]);
  }));

Deno.test("handlerOf resumes an upload at the offset, also in a new process after a partial write", () =>
  withRound(async ({ run, state, send, dir }) => {
    const { start, bytes } = update(run);
    await send("a", "POST", "/v1/rounds/1/update", start);
    assertEquals((await send("a", "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0, 8192))).json, {
      offset: 8192,
    });
    assertEquals((await send("a", "POST", "/v1/rounds/1/update", start)).json, { offset: 8192 });
    const wrong = await send("a", "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0));
    assertEquals([wrong.status, wrong.json.code], [409, "wrong_offset"]);
    // A new process: nothing in memory, and a write that the kill cut in the middle of a value.
    const { partial } = run.state.stagedPath(1, "a");
    await Deno.writeFile(partial, bytes.subarray(0, 10_001));
    const restarted = await openBench(state, dir);
    assertEquals((await restarted.send("a", "POST", "/v1/rounds/1/update", start)).json, { offset: 10_000 });
    const rest = await restarted.send("a", "PUT", "/v1/rounds/1/update?offset=10000", frames(bytes, 10_000));
    assertEquals(rest.json.receipt.sha256, start.sha256);
  }));

Deno.test("handlerOf refuses NaN, naming the tensor, and an update out of range; nothing is counted", () =>
  withRound(async ({ run, send }) => {
    for (
      const [index, value, name] of [[3500, NaN, "b.weight"], [5, 2000, "a.weight"], [
        4001,
        Infinity,
        "b.running_var",
      ]] as const
    ) {
      const { bytes } = update(run);
      new Float32Array(bytes.buffer)[index] = value;
      const start = update(run, { sha256: createHash("sha256").update(bytes).digest("hex") }).start;
      await send("a", "POST", "/v1/rounds/1/update", start);
      const answer = await send("a", "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0));
      assertEquals([answer.status, answer.json.code], [422, "out_of_range"]);
      assert(answer.json.expected.includes(name), answer.json.expected);
    }
    assertEquals(run.state.counted(1).has("a"), false);
  }));

Deno.test("handlerOf refuses an update of another run, base, layout, size or count, with both values", () =>
  withRound(async ({ run, send }) => {
    const wrong: [Partial<UpdateStart>, string][] = [
      [{ run: "0".repeat(32) }, "other_run"],
      [{ base: "0".repeat(64) }, "other_base"],
      [{ layout: "0".repeat(64) }, "other_layout"],
      [{ bytes: BYTES + 4 }, "wrong_size"],
      [{ examples: 95 }, "wrong_examples"],
    ];
    for (const [change, code] of wrong) {
      const answer = await send("a", "POST", "/v1/rounds/1/update", update(run, change).start);
      assertEquals([answer.status, answer.json.code], [409, code]);
      assert(answer.json.got.includes(String(Object.values(change)[0])), answer.json.got);
    }
    const other = await send("a", "POST", "/v1/rounds/2/update", update(run).start);
    assertEquals(other.json.code, "bad_request");
  }));

Deno.test("handlerOf refuses truncated and flipped bytes and goes on from the last good offset", () =>
  withRound(async ({ run, send }) => {
    const { start, bytes } = update(run);
    await send("a", "POST", "/v1/rounds/1/update", start);
    const whole = frames(bytes, 0);
    const cut = await send("a", "PUT", "/v1/rounds/1/update?offset=0", whole.subarray(0, 6000));
    assertEquals([cut.status, cut.json.code], [400, "bad_frame"]);
    assertEquals((await send("a", "POST", "/v1/rounds/1/update", start)).json, { offset: 4096 });
    const flipped = frames(bytes, 4096);
    flipped[100] ^= 1;
    const answer = await send("a", "PUT", "/v1/rounds/1/update?offset=4096", flipped);
    assertEquals([answer.status, answer.json.code], [400, "bad_frame"]);
    const rest = await send("a", "PUT", "/v1/rounds/1/update?offset=4096", frames(bytes, 4096));
    assertEquals(rest.json.receipt.sha256, start.sha256);
  }));

Deno.test("handlerOf answers digest_mismatch when the bytes are not the announced ones, and starts over", () =>
  withRound(async ({ run, send }) => {
    const { start } = update(run);
    const { bytes } = update(run, {}, 0.02);
    await send("a", "POST", "/v1/rounds/1/update", start);
    const answer = await send("a", "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0));
    assertEquals([answer.status, answer.json.code], [422, "digest_mismatch"]);
    assertEquals((await send("a", "POST", "/v1/rounds/1/update", start)).json, { offset: 0 });
  }));

Deno.test("handlerOf answers round_closed after closeRound, whose model is the exact mean", () =>
  withRound(async ({ run, send }) => {
    for (const [silo, fill] of [["a", 0.25], ["b", 0.75]] as const) {
      const { start, bytes } = update(run, {}, fill);
      await send(silo, "POST", "/v1/rounds/1/update", start);
      await send(silo, "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0));
    }
    const late = update(run).start;
    await closeRound(run, run.state.current!);
    const got = new Float32Array((await Deno.readFile(run.state.modelPath(1))).buffer);
    assertEquals(got, startVector(TINY).map((x) => x + 0.5));
    assertEquals(
      (await send("a", "POST", "/v1/rounds/1/update", { ...late, sha256: "1".repeat(64) })).json.code,
      "different_update",
    );
    assertEquals((await send("c", "POST", "/v1/rounds/1/update", late)).json.code, "round_closed");
  }, { quorum: 2 }));

Deno.test("handlerOf knows a silo by its certificate only", () =>
  withRound(async ({ send }) => {
    const named = await send("a", "POST", "/v1/join", registration("b"));
    assertEquals([named.status, named.json.code], [403, "wrong_name"]);
    assertEquals((await send("x", "GET", "/v1/run")).json.code, "not_invited");
    assertEquals((await send("a again", "GET", "/v1/run")).json.code, "session_live");
    const changed = await send("a", "POST", "/v1/join", { ...registration("a"), shard: "9".repeat(64) });
    assertEquals(changed.json.code, "shard_changed");
    const same = await send("a", "POST", "/v1/join", {
      ...registration("a"),
      shard: registration("b").shard,
    });
    assertEquals(same.json.code, "same_shard");
  }));

Deno.test("handlerOf lets two silos join with one shard when the operator allows it", () =>
  inFolder(async (dir) => {
    using state = await AggregatorState.open(dir);
    for (const allowSameShard of [false, true]) {
      const { send } = await openBench(state, dir, {}, { allowSameShard });
      const twin = { ...registration("a"), shard: registration("b").shard };
      assertEquals((await send("b", "POST", "/v1/join", registration("b"))).status, 200);
      assertEquals((await send("a", "POST", "/v1/join", twin)).status, allowSameShard ? 200 : 409);
    }
  }));

Deno.test("handlerOf refuses unknown paths and methods, large and malformed bodies", () =>
  withRound(async ({ send }) => {
    assertEquals((await send("a", "GET", "/v1/nothing")).status, 404);
    assertEquals((await send("a", "DELETE", "/v1/run")).status, 405);
    assertEquals((await send("a", "POST", "/v1/join", { x: "y".repeat(70_000) })).status, 413);
    assertEquals((await send("a", "POST", "/v1/join", new Uint8Array([1, 2]))).status, 400);
    assertEquals((await send("a", "POST", "/v1/join", { ...registration("a"), patient: 1 })).status, 400);
  }));

Deno.test("handlerOf serves the open round's base in ranges and no other model", () =>
  withRound(async ({ send, run }) => {
    const answer = await send("a", "GET", "/v1/rounds/0/model");
    assertEquals([answer.status, answer.json.length, answer.json.sha256], [
      200,
      BYTES,
      run.proposal.init.sha256,
    ]);
    assertEquals((await send("a", "GET", "/v1/rounds/1/model")).status, 404);
  }));

const SCORES = "/v1/rounds/1/scores";

function scoresOf(run: string, change: Partial<Scores> = {}): Scores {
  return { run, round: 1, auroc: 0.8, se: 0.04, loss: 0.5, positives: 48, negatives: 48, ...change };
}

Deno.test("handlerOf takes val scores of the registered split, and none of another", () =>
  withRound(async ({ run, send }) => {
    for (const change of [{ positives: 47 }, { negatives: 49 }, { positives: 47, negatives: 49 }]) {
      const answer = await send("a", "POST", SCORES, scoresOf(run.id, change));
      assertEquals([answer.status, answer.json.code], [409, "wrong_counts"]);
    }
    assertEquals((await send("a", "POST", SCORES, scoresOf("0".repeat(32)))).json.code, "other_run");
    assertEquals((await send("a", "POST", SCORES, scoresOf(run.id))).status, 200);
    assertEquals(run.state.scores.get(1)?.a.auroc, 0.8);
  }));

Deno.test("handlerOf takes an AUROC on val with an error above 0, or neither", () =>
  withRound(async ({ run, send }) => {
    for (
      const change of [{ se: null }, { se: 0 }, { auroc: null }, { auroc: 1, se: 0 }, { auroc: null, se: 0 }]
    ) {
      const { status, json } = await send("a", "POST", SCORES, scoresOf(run.id, change));
      assertEquals([status, json.code], [409, "wrong_counts"], JSON.stringify(change));
    }
    assertEquals((await send("a", "POST", SCORES, scoresOf(run.id, { se: 0.51 }))).status, 400);
    assertEquals(run.state.scores.get(1), undefined);
    assertEquals((await send("b", "POST", SCORES, scoresOf(run.id, { auroc: null, se: null }))).status, 200);
  }));

Deno.test("handlerOf takes test scores only of a selected model in the closing phase, and the same again", () =>
  withRound(async ({ run, send }) => {
    const test = { auroc: 0.9, se: 0.1, positives: 48, negatives: 48, images: 96 };
    const message = scoresOf(run.id, { auroc: null, se: null, loss: null, test });
    assertEquals((await send("a", "POST", SCORES, message)).json.code, "no_round");
    run.beginClosing();
    assertEquals((await send("a", "POST", SCORES, message)).json.code, "round_closed");
    assertEquals((await send("a", "POST", SCORES, scoresOf(run.id))).status, 200);
    const selection = { round: 0, auroc: null, reason: "the only one" };
    run.select(selection, 0);
    const other = { ...message, test: { ...test, images: 95 } };
    assertEquals((await send("a", "POST", SCORES, other)).json.code, "wrong_counts");
    assertEquals((await send("a", "POST", SCORES, message)).status, 200);
    run.finish(resultOf(run, { selection, seconds: 0, unscored: [], file_sha256: "" }));
    assertEquals((await send("a", "POST", SCORES, message)).status, 200);
    assertEquals((await send("b", "POST", SCORES, message)).json.code, "round_closed");
  }));

Deno.test("handlerOf tells no silo another's shard, counts or machine: of them all together, names and sums", () =>
  withRound(async ({ run, send }) => {
    for (const [silo, path] of [["a", "/v1/run"], ["b", "/v1/join"]] as const) {
      const { json } = await send(silo, silo === "a" ? "GET" : "POST", path, registration(silo));
      const text = JSON.stringify(json);
      for (const { shard, build } of run.state.joined.values()) {
        assertEquals([text.includes(shard), text.includes(`"${build}"`)], [false, false]);
      }
      assertEquals(/"(splits|patients|device|threads|build|shard|train|steps|firstStep)":/.exec(text), null);
      const { roster, pooled } = json.plan;
      assertEquals([roster, pooled], [["a", "b", "c"], { images: 288, positives: 144 }]);
      assertEquals(json.row.silos, { a: { from: 0, to: 1 }, b: { from: 0, to: 1 }, c: { from: 0, to: 1 } });
    }
  }));

Deno.test("handlerOf answers another wire version with 409 and both values, whatever else the message holds", () =>
  withRound(async ({ send }) => {
    for (const path of ["/v1/join", "/v1/rounds/1/update"]) {
      const { status, json } = await send("a", "POST", path, {
        wire: WIRE_VERSION + 1,
        field_of_the_future: true,
      });
      assertEquals([status, json.code], [409, "other_wire"]);
      assertEquals([json.expected, json.got], [`wire version ${WIRE_VERSION}`, `${WIRE_VERSION + 1}`]);
    }
  }));

Deno.test("handlerOf reports nothing when a silo leaves during a long poll", () =>
  withRound(async ({ run, handler, events, sessions }) => {
    const gone = new AbortController();
    const query = new URLSearchParams({ seen: stageOf(run.view()), wait: "20" });
    const request = { method: "GET", path: "/v1/run", query, silo: "a", body: ReadableStream.from([]) };
    const answer = handler({ ...request, session: sessions.a, signal: gone.signal });
    const before = events.length;
    gone.abort();
    await answer;
    assertEquals(events.slice(before), []);
  }));
