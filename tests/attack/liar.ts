/**
 * An aggregator that lies to one silo: it has the genuine certificate, stands before the honest aggregator, passes on
 * what both say, and changes what it wants to.
 */
import { readIdentity } from "../../src/fed/certificate.ts";
import { Connection } from "../../src/fed/connection.ts";
import type { RunView } from "../../src/fed/protocol.ts";
import { serve } from "../../src/fed/server.ts";
import { joinChunks, type WireAnswer, type WireRequest } from "../../src/fed/wire.ts";

/** A request that the silo has sent, its body as text. */
export interface Said {
  method: string;
  path: string;
  body: string;
}

/** What the silo is told instead of `view`; `said` is all that it has sent so far. */
export type Lie = (view: RunView, said: readonly Said[]) => RunView;

/** A listening liar. */
export interface Liar extends AsyncDisposable {
  port: number;
  said: Said[];
}

/** Listens before the aggregator on `port` for the silo `silo`; certificates lie in `dir`. */
export async function startLiar(
  options: { dir: string; port: number; silo: string; lie: Lie },
): Promise<Liar> {
  const { dir, port, silo, lie } = options;
  const said: Said[] = [];
  const honest = new URL(`https://127.0.0.1:${port}`);
  const own = await readIdentity(`${dir}/tls-${silo}`);
  const models = await Deno.makeTempDir({ dir });
  let connection: Connection | null = null;
  const handler = async (request: WireRequest): Promise<WireAnswer> => {
    const { method, range } = request;
    const body = joinChunks(await Array.fromAsync(request.body));
    const query = request.query.size === 0 ? "" : `?${request.query}`;
    const heard = { method, path: `${request.path}${query}`, body: new TextDecoder().decode(body) };
    said.push(heard);
    if (!connection?.open) connection = await Connection.open(honest, own);
    const headers: Record<string, string> = range === undefined ? {} : { range };
    const call = { method: method as "GET", path: heard.path, headers, body: method === "GET" ? [] : [body] };
    const answer = await connection.send(call);
    if (answer.headers["content-type"] !== "application/json") {
      const path = `${models}/${said.length}`;
      await Deno.writeFile(path, answer.body);
      const { length } = answer.body;
      const sha256 = String(answer.headers.etag).replaceAll('"', "");
      return { status: 206, file: { path, first: 0, length, total: length, sha256 } };
    }
    const json = JSON.parse(new TextDecoder().decode(answer.body));
    return { status: answer.status, json: "planId" in json ? lie(json, said) : json };
  };
  const server = await serve({
    ...{ host: "127.0.0.1", port: 0, identity: await readIdentity(`${dir}/tls-aggregator`), handler },
    admission: { check: () => Promise.resolve() },
    onEvent: () => {},
    onSession: () => {},
  });
  return {
    port: server.port,
    said,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      connection?.[Symbol.dispose]();
    },
  };
}
