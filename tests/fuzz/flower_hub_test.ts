/** Mutated calls of a SuperNode that is enrolled, and mutated replies: refused with a reason, and the mailbox is as before. */
import { assert, assertEquals } from "@std/assert";
import { pack, type Packed } from "../../src/fed/flower/codec/content.ts";
import { type Call, FLEET, type Request } from "../../src/fed/flower/codec/messages.ts";
import { encodeTree } from "../../src/fed/flower/codec/object.ts";
import { encode, type Message, type Table } from "../../src/fed/flower/codec/protobuf.ts";
import { answering } from "../../src/fed/flower/hub/calls.ts";
import { Mailbox } from "../../src/fed/flower/hub/mailbox.ts";
import { readFigures, ReplyRefused } from "../../src/fed/flower/hub/replies.ts";
import { FleetRefusal } from "../../src/fed/flower/hub/refusal.ts";
import { campaign, cases } from "./mutate.ts";

const COUNT = 20_000;
const RUN = 7n, NODE = 9n, node = { id: NODE };
const app = { id: "p/n", version: "1", hash: "ab", content: new Uint8Array(9), verifications: [] };
const content = new Map([["metrics", {
  type: "MetricRecord" as const,
  values: new Map<string, number | bigint>([["num-examples", 40n], ["auroc", .7]]),
}]]);
const bytesOf = <C extends Call>(call: C, request: Request<C>) => {
  const [table]: readonly [Table, Table] = FLEET[call];
  return encode(table, request as Message<Table>);
};

function rig() {
  const kept = new Map<string, unknown>();
  const memory = {
    get: <T>(key: string) => (kept.get(key) ?? null) as T | null,
    set: (key: string, value: unknown) => void kept.set(key, value),
  };
  const mailbox = new Mailbox({ site: "c", run: RUN, node: NODE, most: 1 << 20, memory });
  const site = { name: "c", key: "", train: 96, positives: 48 };
  const caller = { site, node: NODE, mailbox, heard() {}, refused() {} };
  const signal = AbortSignal.abort();
  const answer = answering({ run: RUN, app });
  return { mailbox, say: (call: string, body: Uint8Array) => answer(call, body, { caller, signal }) };
}

function replyTo({ message: { metadata } }: Packed): Packed {
  const { message: replyTo } = metadata;
  return pack({ metadata: { ...metadata, message: "", source: NODE, destination: 1n, replyTo }, content });
}

Deno.test(`an enrolled node's calls: ${cases(COUNT)} mutated ones are answered or refused with a reason`, async () => {
  const { mailbox, say } = rig();
  const stop = new AbortController();
  const asked = mailbox.ask({ type: "evaluate", round: 1, key: "k", content }, stop.signal);
  const failed = asked.then(() => "answered", (error) => error);
  const packed = (await mailbox.next(stop.signal))!;
  const reply = replyTo(packed);
  const [id, bytes] = [...reply.objects][0];
  const push = { node, messages: [reply.message], trees: [encodeTree(reply.tree)], runtimes: [1] };
  const samples = [
    bytesOf("PushMessages", push),
    bytesOf("PushObject", { node, run: RUN, object: id, content: bytes, session: "" }),
    bytesOf("PullObject", { node, run: RUN, object: packed.tree.id }),
    bytesOf("GetFab", { node, hash: "ab", run: RUN }),
    bytesOf("ActivateNode", { key: new Uint8Array(4), interval: 30 }),
  ];
  const calls = Object.keys(FLEET).filter((call) => call !== "PullMessages");
  let turn = 0;
  await campaign(samples, async (body) => {
    await say(calls[turn++ % calls.length], body).catch((error) => {
      assert(error instanceof FleetRefusal && error.message.length > 3, String(error?.stack));
    });
  }, { count: COUNT });
  stop.abort(new Error("over"));
  const ended = await failed;
  assert(ended === "answered" || ended instanceof Error);
});

Deno.test(`replies: ${cases(COUNT)} with one mutated object are taken whole or end the reply`, async () => {
  const { mailbox, say } = rig();
  const stop = new AbortController();
  const first = mailbox.ask({ type: "evaluate", round: 1, key: "k", content }, stop.signal).catch(() => {});
  const sample = replyTo((await mailbox.next(stop.signal))!);
  stop.abort();
  await first;
  let turn = 0;
  await campaign([...sample.objects.values()], async (bytes) => {
    const asked = mailbox.ask(
      { type: "evaluate", round: 1, key: `${turn}`, content },
      AbortSignal.timeout(60_000),
    );
    const outcome = asked.then((said) => readFigures(said), (error) => error);
    const reply = replyTo((await mailbox.next(stop.signal))!);
    await say(
      "PushMessages",
      bytesOf("PushMessages", {
        node,
        messages: [reply.message],
        trees: [encodeTree(reply.tree)],
        runtimes: [],
      }),
    );
    const changed = turn++ % reply.objects.size;
    let at = 0, refused = false;
    for (const [object, own] of reply.objects) {
      const content = at++ === changed ? bytes : own;
      await say("PushObject", bytesOf("PushObject", { node, run: RUN, object, content, session: "" })).catch(
        (error) => {
          assert(error instanceof FleetRefusal, String(error?.stack));
          refused = true;
        },
      );
      if (refused) break;
    }
    const ended = await outcome;
    if (refused) assert(ended instanceof SyntaxError);
    else if (ended instanceof Error) {
      assert(ended instanceof SyntaxError || ended instanceof ReplyRefused, String(ended.stack));
    } else assertEquals(bytes, [...reply.objects.values()][changed]);
  }, { count: COUNT });
});
