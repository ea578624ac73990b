import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { AggregatorState } from "../../src/fed/aggregator_state.ts";
import type { FedEvent } from "../../src/fed/event.ts";
import { encodeFrames } from "../../src/fed/frame.ts";
import { handlerOf } from "../../src/fed/handlers.ts";
import { planOf } from "../../src/fed/join.ts";
import { newRunId, type Registration, type UpdateStart } from "../../src/fed/protocol.ts";
import { closeRow, openRow } from "../../src/fed/rounds.ts";
import { Run } from "../../src/fed/run.ts";
import type { Handler, WireAnswer } from "../../src/fed/wire.ts";
import { fingerprint } from "../../src/model/layout.ts";
import { FakeTrainer, proposalOf, startVector, TINY } from "./fake_federation.ts";

const BYTES = TINY.length * 4;

interface Bench {
  run: Run;
  handler: Handler;
  dir: string;
  events: FedEvent[];
  send(silo: string, method: string, path: string, body?: unknown): Promise<{ status: number; json: Json }>;
}
// deno-lint-ignore no-explicit-any -- answers of every kind, read field by field
type Json = any;

/** A run whose first round is open, with silos a, b and c joined; no socket. */
async function withRound(body: (bench: Bench) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "fedx-handlers-" });
  try {
    using state = await AggregatorState.open(dir);
    const bench = await openBench(state, dir);
    await body(bench);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function openBench(state: AggregatorState, dir: string): Promise<Bench> {
  const start = startVector(TINY);
  const proposal = proposalOf(start);
  if (state.run === null) {
    await Deno.writeFile(state.modelPath(0), new Uint8Array(start.buffer));
    state.begin(newRunId(), proposal, 0);
  }
  const events: FedEvent[] = [];
  const run = new Run(state, { layout: TINY, onEvent: (e) => void events.push(e), faultPoint: () => {} });
  const handler = handlerOf(run);
  const sessions: Record<string, object> = { a: {}, b: {}, c: {}, x: {}, "a again": {} };
  const send: Bench["send"] = async (silo, method, path, body) => {
    const [name] = silo.split(" ");
    const url = new URL(path, "https://test");
    const bytes = body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body ?? ""));
    const answer: WireAnswer = await handler({
      method,
      path: url.pathname,
      query: url.searchParams,
      silo: name,
      session: sessions[silo],
      body: ReadableStream.from([bytes]),
      signal: new AbortController().signal,
    });
    return { status: answer.status, json: "json" in answer ? answer.json : answer.file };
  };
  const bench: Bench = { run, handler, dir, events, send };
  if (run.plan === null) {
    for (const silo of ["a", "b", "c"]) {
      assertEquals((await send(silo, "POST", "/v1/join", registration(silo))).status, 200);
    }
    run.plan = planOf(proposal, run.joined.values());
    state.freeze(run.plan);
    openRow(run);
  }
  run.phase = "round";
  return bench;
}

function registration(silo: string): Registration {
  using trainer = new FakeTrainer({ layout: TINY, silo });
  return { silo, ...trainer.shard, ...trainer.info, stepsPerSecond: 10, wire: 1 };
}

function update(
  run: Run,
  change: Partial<UpdateStart> = {},
  fill = 0.01,
): { start: UpdateStart; bytes: Uint8Array } {
  const bytes = new Uint8Array(new Float32Array(TINY.length).fill(fill).buffer);
  const start: UpdateStart = {
    run: run.id,
    round: 1,
    base: run.open!.row.base,
    layout: fingerprint(TINY),
    bytes: BYTES,
    examples: 96,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    encoding: 1,
    wire: 1,
    ...change,
  };
  return { start, bytes };
}

function frames(bytes: Uint8Array, offset: number, last = bytes.length): Uint8Array {
  const parts = [...encodeFrames(bytes.subarray(offset, last), { offset, payload: 4096 })];
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

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
  withRound(async ({ run, send, dir }) => {
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
    const restarted = await openBench(run.state, dir);
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
    assertEquals(run.state.receipt(1, "a"), null);
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

Deno.test("handlerOf answers round_closed after closeRow, whose model is the exact mean", () =>
  withRound(async ({ run, send }) => {
    for (const [silo, fill] of [["a", 0.25], ["b", 0.5], ["c", 0.75]] as const) {
      const { start, bytes } = update(run, {}, fill);
      await send(silo, "POST", "/v1/rounds/1/update", start);
      await send(silo, "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0));
    }
    const late = update(run).start;
    await closeRow(run, run.open!);
    const got = new Float32Array((await Deno.readFile(run.state.modelPath(1))).buffer);
    assertEquals(got, startVector(TINY).map((x) => x + 0.5));
    assertEquals(
      (await send("a", "POST", "/v1/rounds/1/update", { ...late, sha256: "1".repeat(64) })).json.code,
      "different_update",
    );
    run.state.folder.db.exec("DELETE FROM receipts");
    assertEquals((await send("a", "POST", "/v1/rounds/1/update", late)).json.code, "round_closed");
  }));

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
