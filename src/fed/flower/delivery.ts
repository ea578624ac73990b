/**
 * The objects of an instruction on their way here, and those of a reply on their way to the link: some at once, each checked
 * to be what its id says, and again after a kill.
 */
import type { OnEvent } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import { sleep } from "../wire/retry.ts";
import type { Objects, Packed } from "./codec/content.ts";
import { damaged } from "./codec/damaged.ts";
import { encodeTree, idsOf, objectId } from "./codec/object.ts";
import type { Instruction, Journal, Sending } from "./journal.ts";
import { LinkError } from "./link/link.ts";
import type { FlowerNode } from "./node.ts";

/** Objects under way at once. */
const AT_ONCE = 8;
/** Seconds until an object is asked for again that is not at the link yet. */
const LOOK = 1;
/** Times that a reply is sent from its start, where the link has dropped what was begun. */
const AFRESH = 3;

/** What objects travel by. */
export interface Way {
  node: FlowerNode;
  journal: Journal;
  onEvent: OnEvent;
  /** Awaited at named moments. @default none */
  faultPoint?: FaultPoint;
  signal: AbortSignal;
}

/**
 * Every object of an instruction, of `most` bytes together, kept in the journal before the link is told.
 * @throws {SyntaxError} for one that the link has not or that is another, and for too many · {LinkError} · the signal's reason
 */
export async function pull(
  { metadata: { run, message }, tree }: Instruction,
  { most, node, journal, signal }: Way & { most: number },
): Promise<Objects> {
  const objects: Objects = new Map();
  let left = most;
  await atOnce([...idsOf(tree)], async (object, signal) => {
    const bytes = await pullObject({ run, object }, { node, signal });
    left -= bytes.length;
    if (left < 0) throw damaged("a message", { expected: `at most ${most} bytes`, got: "more" });
    objects.set(object, bytes);
  }, signal);
  await journal.keep("instruction", objects);
  await node.call("ConfirmMessageReceived", (node) => ({ node, run, message }), signal);
  return objects;
}

async function pullObject(
  { run, object }: { run: bigint; object: string },
  { node, signal }: Pick<Way, "node" | "signal">,
): Promise<Uint8Array> {
  for (;;) {
    const asked = (node: { id: bigint }) => ({ node, run, object });
    const { found, available, content } = await node.call("PullObject", asked, signal);
    if (!found) throw damaged("an object of the message", { expected: "it at the link", got: "none" });
    if (available) {
      if (objectId(content) === object) return content;
      throw damaged("an object of the message", { expected: "bytes of its SHA-256" });
    }
    await sleep(LOOK, signal);
  }
}

/**
 * Sends a reply that took so many seconds. After a kill it completes what was begun, with the same bytes and in the same
 * session: a link whose app has asked for the reply meanwhile takes its message no second time.
 * @throws {LinkError} · the signal's reason
 */
export async function push(packed: Packed, way: Way & { seconds: number }): Promise<void> {
  const begun = way.journal.sending;
  // None taken: the session is gone, or nothing was left to send. A link that wants more says so when asked anew.
  if (begun !== null && (await sendObjects(packed, begun, { ...way, again: true })).taken > 0) return;
  for (let attempt = 1;; attempt++) {
    const wanted = await pushMessage(packed, way);
    if ((await sendObjects(packed, wanted, { ...way, again: false })).refused === 0) return;
    if (attempt < AFRESH) continue;
    throw new LinkError("bad", { call: "PushObject", detail: "a session that was dropped, again and again" });
  }
}

/** Sends the reply's message, and notes what the link wants of it then. */
async function pushMessage(
  { message, tree }: Packed,
  { seconds, node, journal, onEvent, signal }: Way & { seconds: number },
): Promise<Sending> {
  const { wanted, session } = await node.call("PushMessages", (node) => ({
    node,
    messages: [message],
    trees: [encodeTree(tree)],
    runtimes: [seconds],
  }), signal);
  // Links tell nobody that they refuse a reply: they want nothing of it.
  if (wanted.length === 0) {
    const text = "the Flower link asks for nothing of the reply: it has it already, or refuses it";
    onEvent({ type: "warning", text });
  }
  return journal.sending = { session, wanted };
}

/**
 * How many objects the link took and refused. Sent `again`, one is refused because the link has it; else it has dropped the
 * session, and no more are sent.
 */
async function sendObjects(
  { message: { metadata: { run } }, objects }: Packed,
  { session, wanted }: Sending,
  { node, faultPoint, signal, again }: Way & { again: boolean },
): Promise<{ taken: number; refused: number }> {
  let taken = 0, refused = 0;
  await atOnce(wanted, async (object, signal) => {
    const content = objects.get(object);
    if (content === undefined || (refused > 0 && !again)) return;
    await faultPoint?.("pushing");
    const asked = (node: { id: bigint }) => ({ node, run, object, content, session });
    const { stored } = await node.call("PushObject", asked, signal);
    if (stored) taken++;
    else refused++;
  }, signal);
  return { taken, refused };
}

/** Runs `body` for every item, some at once; where one fails the others are ended. */
async function atOnce<T>(
  items: readonly T[],
  body: (item: T, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const left = items.values();
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (const item of left) await body(item, either);
  });
  try {
    await Promise.all(workers);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(workers);
    throw error;
  }
}
