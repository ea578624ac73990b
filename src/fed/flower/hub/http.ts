/** The Fleet API of Flower 1.40 and later: `POST /v1/fleet/<call>` with protobuf both ways, over TLS. */
import { Buffer } from "node:buffer";
import { FLEET } from "../codec/messages.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { refusalOf, STATUS } from "./refusal.ts";
import type { Identity } from "../../pki/own_certificate.ts";
import type { Address, Service, Transport, TransportOptions } from "./service.ts";

/** The names of calls by their paths. */
const NAMES = new Map(
  Object.keys(FLEET).map((name) => [`/v1/fleet/${name.replace(/\B[A-Z]/g, "-$&").toLowerCase()}`, name]),
);
const TYPE = "application/protobuf";

/**
 * Listens. @throws {ProtocolError} `port_in_use`, `cannot_listen`
 *
 * Why it listens anew with another certificate: Deno's server takes none while it runs, and SuperNodes try again.
 */
export function listenHttp({ listen, identity, service, onEvent }: TransportOptions): Transport {
  let { server, stop } = started(listen, { identity, service });
  const { port } = server.addr;
  let renewed = Promise.resolve();
  const again = async (identity: Identity) => {
    await ended(server, stop);
    ({ server, stop } = started({ ...listen, port }, { identity, service }));
  };
  return {
    port,
    renew(identity) {
      renewed = renewed.then(() => again(identity)).catch((error) => {
        onEvent({ type: "warning", text: `SuperNodes are not served any more: ${error.message}` });
      });
    },
    async [Symbol.asyncDispose]() {
      await renewed;
      await ended(server, stop);
    },
  };
}

function started(
  listen: Address,
  { identity: { cert, key }, service }: Pick<TransportOptions, "identity" | "service">,
): { server: Deno.HttpServer<Deno.NetAddr>; stop: AbortController } {
  const stop = new AbortController();
  try {
    const { host: hostname, port } = listen;
    const options = { hostname, port, cert, key, signal: stop.signal, onListen() {} };
    return { server: Deno.serve(options, answering(service)), stop };
  } catch (cause) {
    const taken = cause instanceof Deno.errors.AddrInUse;
    throw new ProtocolError(taken ? "port_in_use" : "cannot_listen", {
      expected: `to listen on ${listen.host}:${listen.port} for SuperNodes`,
      got: taken ? "another process on it" : (cause as Error).message,
      cause,
    });
  }
}

function answering(service: Service) {
  return async (
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
}

/** Lets answers under way out, for a second. */
async function ended(server: Deno.HttpServer, stop: AbortController): Promise<void> {
  const timer = setTimeout(() => stop.abort(), 1000);
  await server.shutdown();
  await server.finished;
  clearTimeout(timer);
}
