// Why: “cannot reach the aggregator” has five causes and five remedies; each step is tried by itself.
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Identity } from "../../../fed/pki/own_certificate.ts";
import { Client } from "../../../fed/wire/client.ts";
import { ProtocolError } from "../../../fed/protocol/errors.ts";
import type { RunView } from "../../../fed/protocol/messages.ts";
import { hostOf } from "../../../fed/pki/host.ts";
import { bad, type Check, failed, good, open } from "./check.ts";

/** Seconds that one step may take. */
const PATIENCE = 10;
/** Bytes of a model pulled to measure the way: a first taste, and what a quick way gets. */
const SAMPLE = { first: 256 << 10, more: 8 << 20 };
/** Seconds of the first taste from which on it is enough. */
const ENOUGH = 1;

/** What the aggregator said. */
export interface Reached {
  checks: Check[];
  /** The run, where the aggregator answered. */
  view: RunView | null;
  /** Seconds by which its clock is ahead. */
  clockAhead: number | null;
  /** Bytes a second, of a ranged pull of the model. */
  bandwidth: number | null;
}

/** Each step towards the aggregator; one throws what was wrong. */
export interface Steps {
  resolve(host: string): Promise<string[]>;
  connect(host: string, port: number): Promise<void>;
  client(server: URL, identity: Identity): Pick<Client, "view" | "sample" | "clockAhead"> & Disposable;
}

/** The steps as the silo takes them. */
export const STEPS: Steps = {
  async resolve(host) {
    return isIP(host) !== 0 ? [host] : (await lookup(host, { all: true })).map((one) => one.address);
  },
  async connect(host, port) {
    const attempt = Deno.connect({ hostname: host, port });
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`no answer within ${PATIENCE} s`)), PATIENCE * 1000);
    // One that comes too late is closed, not kept.
    attempt.then((connection) => connection.close(), () => {});
    await Promise.race([attempt, late.promise]).finally(() => clearTimeout(timer));
  },
  client: (server, identity) => new Client({ server, identity, wait: PATIENCE, onEvent: () => {} }),
};

/** DNS, TCP, TLS with both certificates, `GET /v1/run`, then the bandwidth: as far as it goes. */
export async function reach(server: URL, identity: Identity, steps: Steps = STEPS): Promise<Reached> {
  const reached: Reached = { checks: [], view: null, clockAhead: null, bandwidth: null };
  const { checks } = reached;
  const host = hostOf(server), port = Number(server.port || 443);
  const give = (check: Check): Reached => {
    checks.push(check);
    const left = ["address", "connection", "handshake", "answer"].slice(checks.length);
    checks.push(...left.map((name) => open(name, "not tried")));
    return reached;
  };
  try {
    const addresses = await steps.resolve(host);
    checks.push(good("address", `${host} is ${addresses.join(", ")}`));
  } catch (error) {
    const detail = `${host} has no address: ${(error as Error).message}`;
    return give(bad("address", detail, "check --server's name, this machine's DNS, or /etc/hosts"));
  }
  try {
    await steps.connect(host, port);
    checks.push(good("connection", `${host}:${port} answers`));
  } catch (error) {
    const remedy = "start the aggregator, check --server's port, and let the firewall pass TCP to it";
    return give(bad("connection", `${host}:${port}: ${(error as Error).message}`, remedy));
  }
  using client = steps.client(server, identity);
  try {
    reached.view = await client.view();
    checks.push(good("handshake", "TLS 1.3, both certificates accepted"));
    checks.push(good("answer", `run ${reached.view.run}, ${stageText(reached.view)}`));
  } catch (error) {
    checks.push(...refusal(error));
  }
  reached.clockAhead = client.clockAhead;
  if (reached.view !== null) reached.bandwidth = await measure(client, reached.view).catch(() => null);
  return reached;
}

function stageText(view: RunView): string {
  return view.state === "joining" ? "waiting for silos" : `${view.state}, round ${view.round}`;
}

/** A failed handshake and a refused request, told apart. */
function refusal(error: unknown): Check[] {
  const code = error instanceof ProtocolError ? error.code : "";
  const cause = error instanceof Error ? error.cause : undefined;
  if (code === "unreachable" && cause instanceof ProtocolError) {
    // It answered, with something that may pass.
    const passed = good("handshake", "TLS 1.3, both certificates accepted");
    return cause.code === "session_live"
      ? [passed, open("answer", "this silo takes part already; its run was not asked for")]
      : [passed, failed("answer", cause, "look at the aggregator's output")];
  }
  if (code === "server_certificate" || code === "certificate_refused" || code === "unreachable") {
    const remedy = "see that an aggregator of fedx listens there, without a proxy that ends TLS before it";
    return [
      code === "unreachable"
        ? bad("handshake", (error as ProtocolError).got, remedy)
        : failed("handshake", error, remedy),
      open("answer", "not tried"),
    ];
  }
  return [
    good("handshake", "TLS 1.3, both certificates accepted"),
    failed("answer", error, "run the same fedx version on both sides"),
  ];
}

async function measure(client: Pick<Client, "sample">, view: RunView): Promise<number | null> {
  const round = view.row === null ? view.round : view.row.round - 1;
  const time = async (count: number) => {
    const started = performance.now();
    const got = await client.sample(round, count);
    return { got, seconds: (performance.now() - started) / 1000 };
  };
  const first = await time(SAMPLE.first);
  const { got, seconds } = first.seconds > ENOUGH ? first : await time(SAMPLE.more);
  return got / seconds;
}
