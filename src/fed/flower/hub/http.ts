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
  const answer = async (request: Request, { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>) => {
    const { headers, signal } = request;
    const header = (name: string) => headers.get(`flwr-${name}`) ?? "";
    try {
      const bytes = await service({
        name: request.method === "POST" ? NAMES.get(new URL(request.url).pathname) ?? "" : "",
        signed: { key: header("public-key"), timestamp: header("timestamp"), signature: header("signature") },
        body: request.body ?? ReadableStream.from([]),
        from: remoteAddr.hostname,
        signal,
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
    const server = Deno.serve({ hostname, port, cert, key, onListen() {} }, answer);
    return { port: server.addr.port, [Symbol.asyncDispose]: () => ended(server) };
  } catch (cause) {
    const taken = cause instanceof Deno.errors.AddrInUse;
    throw new ProtocolError(taken ? "port_in_use" : "cannot_listen", {
      expected: `to listen on ${listen.host}:${listen.port} for SuperNodes`,
      got: taken ? "another process on it" : (cause as Error).message,
      cause,
    });
  }
}

/** Questions that are kept open are not waited for. */
async function ended(server: Deno.HttpServer): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, 1000);
  await Promise.race([server.shutdown(), late.promise]);
  clearTimeout(timer);
}
