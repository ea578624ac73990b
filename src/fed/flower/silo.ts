/**
 * A hospital in a run of Flower's: it answers what a link's apps ask for, with our training on its own films.
 *
 * Against our own wire this lacks the exact sum, masks, a plan that is agreed before, a time budget and an aggregator that
 * may be killed: what a link's server does with an update is its own affair.
 */
import { writeDurably } from "../../files/durable.ts";
import { safely } from "../protocol/event.ts";
import { sleep } from "../wire/retry.ts";
import { Fleet, type Transport } from "./fleet.ts";
import { Hospital, type HospitalOptions } from "./hospital.ts";
import { FlowerIdentity } from "./identity.ts";
import { Journal } from "./journal.ts";
import { LinkError } from "./link/link.ts";
import { FlowerNode } from "./node.ts";

/** Where the link is, and how it is reached. */
export interface LinkAddress {
  /** Address of its Fleet API. */
  server: URL;
  /** @default found out */
  transport?: Transport;
  /** PEM of the authority of the link's certificate. */
  ca?: string;
  /** PEM of a key that the link's operator has registered. @default one of its own */
  key?: string;
  /** State folder, locked while it runs. */
  state: string;
  /**
   * Seconds to wait for a link that does not answer at the start or does not let the node go online; one that was there is
   * waited for without end. @default 3600
   */
  wait?: number;
}

/**
 * Answers a link's instructions until the signal ends it. `node.pub` in the state is the public key as one line of OpenSSH,
 * which a link whose nodes are enrolled takes.
 *
 * @throws {ProtocolError} as Journal.open · {LinkError} where the link takes no node with this key · the signal's reason
 */
export async function runFlowerSilo(
  options: HospitalOptions & LinkAddress,
): Promise<never> {
  const { silo, server, transport = "auto", ca, key, onEvent } = options;
  using journal = await Journal.open(options.state, { silo, link: server.href });
  if (key === undefined) journal.key ??= FlowerIdentity.generate();
  const identity = new FlowerIdentity(key ?? journal.key!);
  await writeDurably(`${journal.dir}/node.pub`, `${identity.sshLine}\n`);
  using fleet = await opened(server, { ...options, identity, ca, transport });
  safely(onEvent)({ type: "connected", server: `${server.href}, a Flower link (${fleet.transport})` });
  return await answerLink(fleet, { ...options, identity, journal });
}

/** The link, as soon as it answers. */
async function opened(
  server: URL,
  { wait = 3600, signal, onEvent, ...options }:
    & Parameters<typeof Fleet.open>[1]
    & Pick<LinkAddress, "wait">
    & Pick<HospitalOptions, "signal" | "onEvent">,
): Promise<Fleet> {
  const until = Date.now() + wait * 1000;
  for (let told = false;; told = true) {
    try {
      return await Fleet.open(server, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof LinkError && error.kind === "away") || Date.now() > until) throw error;
      if (!told) safely(onEvent)({ type: "warning", text: `${error.message}; trying on` });
      await sleep(AGAIN, signal);
    }
  }
}

/** Seconds between attempts at a link that was never there. */
const AGAIN = 5;

/** The same over calls that are open. */
export async function answerLink(
  fleet: Fleet,
  options: HospitalOptions & { identity: FlowerIdentity; journal: Journal; wait?: number },
): Promise<never> {
  const { identity, journal, signal, wait } = options;
  const onEvent = safely(options.onEvent);
  using node = await FlowerNode.join(fleet, { identity, journal, onEvent, signal, wait });
  const number = options.number ?? identity.number;
  using hospital = new Hospital({ ...options, number, onEvent, node });
  try {
    for (;;) await hospital.serve(journal.instruction ?? await node.next());
  } finally {
    // A node that has said goodbye is no longer waited for: who is to come back with an answer says none.
    if (journal.instruction === null) await node.leave();
  }
}
