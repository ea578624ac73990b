/**
 * An aggregator that lies to one silo: it has the genuine certificate, stands before the honest aggregator, passes on
 * what both say, and changes, drops, repeats or answers itself what it wants to.
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
  /** The same body as it came. */
  bytes: Uint8Array<ArrayBuffer>;
}

/** What the silo is told instead of `view`, the view itself where it is told the truth. */
export type Lie = (view: RunView) => RunView;

// deno-lint-ignore no-explicit-any -- answers of every kind, changed field by field
export type Json = any;

/** Asks the honest aggregator in the silo's name. */
export type Ask = (request: Pick<Said, "method" | "path"> & { body?: unknown }) => Promise<Json>;

/** How an aggregator treats any request of the silo. */
export interface Conduct {
  /** What it answers by itself, so that the honest aggregator never hears of the request. @default undefined: nothing */
  stand?: (said: Said, ask: Ask) => WireAnswer | undefined | Promise<WireAnswer | undefined>;
  /** What the silo is told instead of a JSON answer. @default the answer */
  change?: (answer: Json, said: Said, ask: Ask) => unknown;
}

/** A listening liar. */
export interface Liar extends AsyncDisposable {
  port: number;
  /** @default the truth */
  lie: Lie;
  /** @default honest */
  conduct: Conduct;
  /** Called when a lie is told, before it goes out. @default none */
  onLie: () => void;
  /** All that the silo has sent. */
  said: Said[];
}

/**
 * Listens before the aggregator on `port` for the silo `silo`; certificates lie in `dir`.
 * @param options.wait seconds after which it answers although nothing has changed: killed silos leave questions behind
 * @default 2
 */
export async function startLiar(
  options: { dir: string; port: number; silo: string; wait?: number },
): Promise<Liar> {
  const { dir, port, silo, wait = 2 } = options;
  const told: Omit<Liar, "port" | typeof Symbol.asyncDispose> = {
    lie: (view) => view,
    conduct: {},
    onLie: () => {},
    said: [],
  };
  const honest = new URL(`https://127.0.0.1:${port}`);
  const own = await readIdentity(`${dir}/tls-${silo}`);
  const models = await Deno.makeTempDir({ dir });
  let connection: Connection | null = null;
  const pass = async ({ method, path }: Said, body: Uint8Array, headers: Record<string, string> = {}) => {
    if (!connection?.open) connection = await Connection.open(honest, own);
    const call = { method: method as "GET", path, headers, body: method === "GET" ? [] : [body] };
    return await connection.send(call);
  };
  const ask: Ask = async ({ method, path, body }) => {
    const bytes = new TextEncoder().encode(JSON.stringify(body ?? null));
    const answer = await pass({ method, path, body: "", bytes }, bytes);
    return JSON.parse(new TextDecoder().decode(answer.body));
  };
  const handler = async (request: WireRequest): Promise<WireAnswer> => {
    const { method, range } = request;
    const bytes = joinChunks(await Array.fromAsync(request.body));
    if (request.query.has("wait")) request.query.set("wait", String(wait));
    const query = request.query.size === 0 ? "" : `?${request.query}`;
    const heard = { method, path: `${request.path}${query}`, body: new TextDecoder().decode(bytes), bytes };
    told.said.push(heard);
    const { conduct } = told;
    const stood = await conduct.stand?.(heard, ask);
    if (stood !== undefined) return stood;
    const answer = await pass(heard, bytes, range === undefined ? {} : { range });
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
    const changed = conduct.change === undefined ? view : await conduct.change(view, heard, ask);
    return { status: answer.status, json: changed };
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
