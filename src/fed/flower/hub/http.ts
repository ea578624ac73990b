/** The Fleet API of Flower 1.40 and later: `POST /v1/fleet/<call>` with protobuf both ways, over TLS. */
import { Buffer } from "node:buffer";
import { FLEET } from "../codec/messages.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { refusalOf, STATUS } from "./refusal.ts";
import type { Transport, TransportOptions } from "./service.ts";

/** The names of calls by their paths. */
const NAMES = new Map(
  Object.keys(FLEET).map((name) => [`/v1/fleet/${name.replace(/\B[A-Z]/g, "-$&").toLowerCase()}`, name]),
);
const TYPE = "application/protobuf";

/** Listens. @throws {ProtocolError} `port_in_use`, `cannot_listen` */
export function listenHttp({ listen, identity, service }: TransportOptions): Transport {
  const { cert, key } = identity;
  const answer = async (
    request: Request,
    { remoteAddr, completed }: Deno.ServeHandlerInfo<Deno.NetAddr>,
  ) => {
    const { headers } = request;
    const gone = new AbortController();
    completed.catch(() => gone.abort());
    const header = (name: string) => headers.get(`flwr-${name}`) ?? "";
    try {
      const bytes = await service({
        name: request.method === "POST" ? NAMES.get(new URL(request.url).pathname) ?? "" : "",
        signed: { key: header("public-key"), timestamp: header("timestamp"), signature: header("signature") },
        body: request.body ?? ReadableStream.from([]),
        from: remoteAddr.hostname,
        signal: gone.signal,
      });
      return new Response(bytes, { headers: { "content-type": TYPE } });
    } catch (error) {
      const { kind, message } = refusalOf(error);
      const body = JSON.stringify({ code: STATUS[kind].http, detail: message });
      return new Response(body, {
        status: STATUS[kind].http,
        headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) },
      });
    }
  };
  try {
    const { host: hostname, port } = listen;
    const stop = new AbortController();
    const server = Deno.serve({ hostname, port, cert, key, signal: stop.signal, onListen() {} }, answer);
    return { port: server.addr.port, [Symbol.asyncDispose]: () => ended(server, stop) };
  } catch (cause) {
    const taken = cause instanceof Deno.errors.AddrInUse;
    throw new ProtocolError(taken ? "port_in_use" : "cannot_listen", {
      expected: `to listen on ${listen.host}:${listen.port} for SuperNodes`,
      got: taken ? "another process on it" : (cause as Error).message,
      cause,
    });
  }
}

/** Lets answers under way out, for a second. */
async function ended(server: Deno.HttpServer, stop: AbortController): Promise<void> {
  const timer = setTimeout(() => stop.abort(), 1000);
  await server.shutdown();
  await server.finished;
  clearTimeout(timer);
}
