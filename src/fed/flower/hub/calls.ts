/** What the Fleet API answers to a SuperNode that is known, whatever carried the call. */
import { type Call, FLEET, type Reply, type Request } from "../codec/messages.ts";
import { encodeTree } from "../codec/object.ts";
import { decode, encode, type Message, type Table } from "../codec/protobuf.ts";
import type { FlowerSite } from "./enrolment.ts";
import type { SignedApp } from "./app.ts";
import type { Mailbox } from "./mailbox.ts";
import { FleetRefusal } from "./refusal.ts";

/** A site as calls find it. */
export interface Caller {
  site: FlowerSite;
  node: bigint;
  mailbox: Mailbox;
  /** Tells of each call; `leaving`: it says goodbye. */
  heard(options?: { leaving?: boolean }): void;
  /** Tells of a reply that is refused. */
  refused(text: string): void;
}

export interface CallsOptions {
  run: bigint;
  app: SignedApp;
}

type Answers = { [C in Call]: (request: Request<C>, caller: Caller, signal: AbortSignal) => Answer<C> };
type Answer<C extends Call> = Reply<C> | Promise<Reply<C>>;

/** Answers calls of one run. */
export function answering(options: CallsOptions) {
  const answers = answersOf(options);
  /** The bytes of the answer. @throws {FleetRefusal} */
  return async (
    name: string,
    body: Uint8Array,
    { caller, signal }: { caller: Caller; signal: AbortSignal },
  ): Promise<Uint8Array<ArrayBuffer>> => {
    if (!Object.hasOwn(FLEET, name)) throw new FleetRefusal("missing", `no call ${name.slice(0, 40)}`);
    const call = name as Call;
    const [asked, answered]: readonly [Table, Table] = FLEET[call];
    caller.heard({ leaving: call === "DeactivateNode" });
    const request = reading(() => decode(asked, body)) as Request<Call>;
    checkNode(request, caller);
    const answer = answers[call] as (...of: [unknown, Caller, AbortSignal]) => Answer<Call>;
    return encode(answered, await answer(request, caller, signal) as Message<Table>);
  };
}

/** A node speaks for itself alone. */
function checkNode(request: object, { node }: Caller): void {
  if (!("node" in request)) return;
  const said = typeof request.node === "bigint" ? request.node : (request.node as { id: bigint }).id;
  // Before a node knows its own name it may ask whether anybody is there.
  if (said === 0n) throw new FleetRefusal("early", "no node, activate it first");
  if (said !== node) throw new FleetRefusal("unknown", "the name of another node");
}

function answersOf({ run, app }: CallsOptions): Answers {
  const ours = (said: bigint) => {
    if (said !== run) throw new FleetRefusal("over", "another run");
  };
  return {
    // Nodes that make a key of their own register; those that are enrolled need not, and may.
    RegisterNode: (_, { node }) => ({ node }),
    ActivateNode: (_, { node }) => ({ node }),
    DeactivateNode: () => ({}),
    UnregisterNode: () => ({}),
    SendNodeHeartbeat: () => ({ success: true }),
    async PullMessages(_, { mailbox }, signal) {
      const packed = await mailbox.next(signal);
      if (packed === null) return { messages: [], trees: [] };
      return { messages: [packed.message], trees: [encodeTree(packed.tree)] };
    },
    PushMessages({ messages: [message], trees: [tree] }, caller) {
      if (message === undefined || tree === undefined) throw new FleetRefusal("bad", "no message");
      const { wanted, session } = refusing(caller, () => caller.mailbox.announce(message, tree));
      return { results: [{ name: message.metadata.message, value: 0 }], wanted, session };
    },
    PullObject({ run, object }, { mailbox }) {
      ours(run);
      const content = mailbox.object(object);
      return { found: content !== null, available: content !== null, content: content ?? new Uint8Array(0) };
    },
    PushObject({ run, object: id, content, session }, caller) {
      ours(run);
      return { stored: refusing(caller, () => caller.mailbox.take({ session, id, content })) };
    },
    ConfirmMessageReceived: () => ({}),
    GetRun({ run: asked }) {
      ours(asked);
      const { id, version, hash } = app;
      const status = { status: "running" };
      return { run: { id: run, app: id, version, hash, status, federation: "@none/default" } };
    },
    GetFab({ run, hash }) {
      ours(run);
      if (hash !== app.hash) throw new FleetRefusal("bad", "another app");
      return { fab: { hash: app.hash, content: app.content, verifications: app.verifications } };
    },
  };
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new FleetRefusal("bad", (cause as Error).message, { cause });
  }
}

/** What reads a reply: its refusals are told here, too. */
function refusing<T>({ refused }: Caller, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const { message } = cause as Error;
    if (!(cause instanceof FleetRefusal && cause.kind === "busy")) refused(message);
    throw cause instanceof FleetRefusal ? cause : new FleetRefusal("over", message, { cause });
  }
}
