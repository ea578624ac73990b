/**
 * An aggregator that lies to one silo: it has the genuine certificate, stands before the honest aggregator, passes on
 * what both say, and changes what it wants to.
 */
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { Connection } from "../../src/fed/wire/connection.ts";
import type { RunView } from "../../src/fed/protocol/messages.ts";
import { serve } from "../../src/fed/wire/server.ts";
import { joinChunks, type WireAnswer, type WireRequest } from "../../src/fed/wire/exchange.ts";

/** A request that the silo has sent, its body as text. */
export interface Said {
  method: string;
  path: string;
  body: string;
}

/** What the silo is told instead of `view`, the view itself where it is told the truth. */
export type Lie = (view: RunView) => RunView;

/** A listening liar. */
export interface Liar extends AsyncDisposable {
  port: number;
  /** @default the truth */
  lie: Lie;
  /** Called when a lie is told, before it goes out. @default none */
  onLie: () => void;
  /** All that the silo has sent. */
  said: Said[];
}

/** Seconds after which the liar answers although nothing has changed: killed silos leave questions behind. */
const WAIT = "2";

/** Listens before the aggregator on `port` for the silo `silo`; certificates lie in `dir`. */
export async function startLiar(options: { dir: string; port: number; silo: string }): Promise<Liar> {
  const { dir, port, silo } = options;
  const told: Pick<Liar, "lie" | "onLie" | "said"> = { lie: (view) => view, onLie: () => {}, said: [] };
  const honest = new URL(`https://127.0.0.1:${port}`);
  const own = await readIdentity(`${dir}/tls-${silo}`);
  const models = await Deno.makeTempDir({ dir });
  let connection: Connection | null = null;
  const handler = async (request: WireRequest): Promise<WireAnswer> => {
    const { method, range } = request;
    const body = joinChunks(await Array.fromAsync(request.body));
    if (request.query.has("wait")) request.query.set("wait", WAIT);
    const query = request.query.size === 0 ? "" : `?${request.query}`;
    const heard = { method, path: `${request.path}${query}`, body: new TextDecoder().decode(body) };
    told.said.push(heard);
    if (!connection?.open) connection = await Connection.open(honest, own);
    const headers: Record<string, string> = range === undefined ? {} : { range };
    const call = { method: method as "GET", path: heard.path, headers, body: method === "GET" ? [] : [body] };
    const answer = await connection.send(call);
    if (answer.headers["content-type"] !== "application/json") {
      const path = `${models}/${told.said.length}`;
      await Deno.writeFile(path, answer.body);
      const { length } = answer.body;
      const sha256 = String(answer.headers.etag).replaceAll('"', "");
      return { status: 206, file: { path, first: 0, length, total: length, sha256 } };
    }
    const json = JSON.parse(new TextDecoder().decode(answer.body));
    const view = "planId" in json ? told.lie(json) : json;
    if (view !== json) told.onLie();
    return { status: answer.status, json: view };
  };
  const server = await serve({
    ...{ host: "127.0.0.1", port: 0, identity: await readIdentity(`${dir}/tls-aggregator`), handler },
    admission: { check: () => Promise.resolve() },
    onEvent: () => {},
    onSession: () => {},
  });
  return Object.assign(told, {
    port: server.port,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      connection?.[Symbol.dispose]();
    },
  });
}
