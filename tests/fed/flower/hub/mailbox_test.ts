import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { pack, type Packed, type Said } from "../../../../src/fed/flower/codec/content.ts";
import { encodeTree, idsOf, objectId } from "../../../../src/fed/flower/codec/object.ts";
import type { RecordDict } from "../../../../src/fed/flower/codec/records.ts";
import { type Asked, Mailbox } from "../../../../src/fed/flower/hub/mailbox.ts";
import { FleetRefusal } from "../../../../src/fed/flower/hub/refusal.ts";

const RUN = 7n, NODE = 9n;
const NEVER = new AbortController().signal;
const content: RecordDict = new Map([["metrics", { type: "MetricRecord", values: new Map([["n", 1n]]) }]]);
const asked: Asked = { type: "train", round: 1, key: "train 1", content };

function memory() {
  const kept = new Map<string, string>();
  return {
    get: <T>(key: string): T | null => kept.has(key) ? JSON.parse(kept.get(key)!) : null,
    set: (key: string, value: unknown) => void kept.set(key, JSON.stringify(value)),
  };
}

let moment = 1000;
const mailbox = (own = memory(), most = 1 << 20) =>
  new Mailbox({ site: "c", run: RUN, node: NODE, most, memory: own, now: () => moment++ });

/** A node's reply to an instruction. */
function replyTo({ message: { metadata } }: Packed, said: Partial<Said["metadata"]> = {}): Packed {
  const { message: replyTo } = metadata;
  return pack({
    metadata: {
      ...metadata,
      message: "",
      source: NODE,
      destination: 1n,
      replyTo,
      created: moment++,
      ...said,
    },
    content,
  });
}

/** Sends a reply whole; says how many objects were wanted. */
function send(box: Mailbox, reply: Packed): number {
  const { wanted, session } = box.announce(reply.message, encodeTree(reply.tree));
  for (const id of wanted) assert(box.take({ session, id, content: reply.objects.get(id)! }));
  return wanted.length;
}

/** What a reply is refused with. */
function refused(box: Mailbox, reply: Packed): [string, string] {
  const { kind, message } = assertThrows(
    () => box.announce(reply.message, encodeTree(reply.tree)),
    FleetRefusal,
  );
  return [kind, message];
}

Deno.test("Mailbox: an instruction goes out as often as it is asked for, and its reply comes back once", async () => {
  const box = mailbox();
  const answer = box.ask(asked, NEVER);
  const first = (await box.next(NEVER))!;
  assertEquals(await box.next(NEVER), first);
  for (const id of idsOf(first.tree)) assertEquals(objectId(box.object(id)!), id);
  assertEquals(box.object("0".repeat(64)), null);
  const reply = replyTo(first);
  assertEquals(send(box, reply), 3);
  assertEquals((await answer).content, content);
  assertEquals(refused(box, reply), ["over", "a reply to one that was answered"]);
});

Deno.test("Mailbox: who waits is given what is asked meanwhile, or nothing once it is over", async () => {
  const box = mailbox();
  const waiting = box.next(NEVER);
  const stop = new AbortController();
  const answer = box.ask(asked, stop.signal);
  assertEquals((await waiting)!.message.metadata.type, "train");
  stop.abort(new Error("over"));
  await assertRejects(() => answer, Error, "over");
  const last = box.next(NEVER);
  box[Symbol.dispose]();
  assertEquals(await last, null);
  assertEquals(await box.next(NEVER), null);
});

Deno.test("Mailbox: after a restart the same question is the same message until it was answered, and early replies wait", async () => {
  const own = memory();
  const stop = new AbortController();
  const before = mailbox(own);
  const lost = before.ask(asked, stop.signal);
  const first = (await before.next(NEVER))!;
  stop.abort();
  await assertRejects(() => lost);

  const box = mailbox(own);
  assertEquals(refused(box, replyTo(first)), ["busy", "the aggregator is not ready for this reply"]);
  const answer = box.ask(asked, NEVER);
  assertEquals((await box.next(NEVER))!.tree.id, first.tree.id);
  send(box, replyTo(first));
  await answer;

  const again = box.ask(asked, NEVER);
  const second = (await box.next(NEVER))!;
  assert(second.tree.id !== first.tree.id);
  assertEquals(refused(box, replyTo(first)), ["over", "a reply to none that is open"]);
  send(box, replyTo(second));
  await again;
});

Deno.test("Mailbox: a reply of another run, node or message is refused, and nothing else ends the instruction", async () => {
  const box = mailbox();
  const answer = box.ask(asked, NEVER);
  const packed = (await box.next(NEVER))!;
  assertEquals(refused(box, replyTo(packed, { run: 8n })), ["over", "a reply of another run"]);
  assertEquals(refused(box, replyTo(packed, { source: 8n })), [
    "over",
    "a reply in the name of another node",
  ]);
  assertEquals(refused(box, replyTo(packed, { replyTo: "ab" })), ["over", "a reply to none that is open"]);
  // The announcement is one thing and the message's own object another: it is that which counts.
  const other = replyTo(packed, { source: 8n });
  const { metadata } = other.message;
  const { wanted, session } = box.announce(
    { ...other.message, metadata: { ...metadata, source: NODE } },
    encodeTree(other.tree),
  );
  const failed = assertRejects(() => answer, SyntaxError, "another node");
  for (const id of wanted) box.take({ session, id, content: other.objects.get(id)! });
  await failed;
});

Deno.test("Mailbox: a reply that broke off is completed by the same one, or replaced by another", async () => {
  const box = mailbox();
  const answer = box.ask(asked, NEVER);
  const packed = (await box.next(NEVER))!;
  const [first, second] = [replyTo(packed), replyTo(packed)];
  const { wanted, session } = box.announce(first.message, encodeTree(first.tree));
  assert(box.take({ session, id: wanted[0], content: first.objects.get(wanted[0])! }));
  const again = box.announce(first.message, encodeTree(first.tree));
  assertEquals(again.wanted, wanted.slice(1));
  assertEquals(box.take({ session, id: wanted[1], content: first.objects.get(wanted[1])! }), false);
  // Only the message itself differs; a session that is not told, as before 1.33, is the newest.
  const third = box.announce(second.message, encodeTree(second.tree));
  for (const id of third.wanted) assert(box.take({ session: "", id, content: second.objects.get(id)! }));
  assertEquals((await answer).metadata.message, second.tree.id);
});

Deno.test("Mailbox: objects of other bytes, or too many, end the reply", async () => {
  for (
    const [most, content, text] of [[1 << 20, Uint8Array.of(1), /SHA-256/], [
      10,
      null,
      /at most 10 bytes/,
    ]] as const
  ) {
    const box = mailbox(memory(), most);
    const answer = box.ask(asked, NEVER);
    const failed = assertRejects(() => answer, SyntaxError);
    const reply = replyTo((await box.next(NEVER))!);
    const { wanted: [id], session } = box.announce(reply.message, encodeTree(reply.tree));
    const error = assertThrows(
      () => box.take({ session, id, content: content ?? reply.objects.get(id)! }),
      SyntaxError,
    );
    assertMatch(error.message, text);
    await failed;
    assertEquals(box.take({ session, id, content: reply.objects.get(id)! }), false);
  }
});
