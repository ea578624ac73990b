/** Why there is no connection to a server: the host, its addresses and the port that were tried, in words for people. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { hostOf } from "../pki/host.ts";

/** Stands for the error of an attempt that nobody answered. */
export const SILENT = { code: "ETIMEDOUT" };

/** What the system's codes mean. */
const REASONS: Record<string, string> = {
  ECONNREFUSED: "the connection is refused: nothing listens there, or a firewall is in the way",
  ECONNRESET: "the connection was closed during the handshake",
  ETIMEDOUT: "no answer: the machine is off, or a firewall is in the way",
  EHOSTUNREACH: "this machine has no way there",
  ENETUNREACH: "this machine has no way there",
};

/** All addresses of a host. */
export type Resolve = (host: string) => Promise<string[]>;
const resolveAll: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address).sort();

/**
 * What an attempt to connect tried and what came of it; null where the system gave no reason known here.
 *
 * @param error the system's error, by its `code`
 * @returns `unknownHost` where a name server said that there is no such name; one that is out of reach says nothing
 */
export async function describeWay(
  server: URL,
  error: unknown,
  resolve: Resolve = resolveAll,
): Promise<{ text: string; unknownHost?: string } | null> {
  const { code } = (error ?? {}) as { code?: string };
  const host = hostOf(server), port = Number(server.port || 443);
  if (code === "ENOTFOUND") {
    return { text: `${host} has no address: no name server or hosts file knows it`, unknownHost: host };
  }
  if (code === "EAI_AGAIN") {
    return { text: `${host} cannot be looked up: no name server of this machine answers` };
  }
  const reason = REASONS[code ?? ""];
  if (reason === undefined) return null;
  const addresses = isIP(host) !== 0 ? [] : await resolve(host).catch(() => []);
  const where = addresses.length === 0 ? host : `${host} (${addresses.join(", ")})`;
  return { text: `${where}, port ${port}: ${reason}` };
}
