/** A call of Flower 1.40 and later: `POST /v1/fleet/<call>` with protobuf both ways. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type * as http2 from "node:http2";
import { type Call, FLEET, fleetPath } from "../codec/messages.ts";
import { refusalOf, STATUS } from "./refusal.ts";
import { type Answering, type FleetCall, whereFrom } from "./service.ts";
import { goneWith } from "../../wire/gone.ts";
import { bodyIn, cutOff } from "./stream.ts";

/** The names of calls by their paths. */
const NAMES = new Map((Object.keys(FLEET) as Call[]).map((name) => [fleetPath(name), name]));

/** A call as HTTP has it, of either version. */
interface HttpCall {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: FleetCall["body"];
  from: string;
  signal: AbortSignal;
}

/** What is answered. */
async function answerTo({ method, path, headers, ...call }: HttpCall, service: Answering) {
  const header = (name: string) => String(headers[`flwr-${name}`] ?? "");
  try {
    const body = await service({
      ...{ name: method === "POST" ? NAMES.get(path) ?? "" : "", ...call },
      signed: { key: header("public-key"), timestamp: header("timestamp"), signature: header("signature") },
    });
    return { status: 200, type: "application/protobuf", body };
  } catch (error) {
    const { kind, message } = refusalOf(error);
    const body = new TextEncoder().encode(JSON.stringify({ code: STATUS[kind].http, detail: message }));
    return { status: STATUS[kind].http, type: "application/json", body };
  }
}

/** Answers a call of HTTP/1.1. */
export async function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  service: Answering,
): Promise<void> {
  const gone = new AbortController();
  response.on("error", () => {});
  response.on("close", () => gone.abort());
  const { method = "", url: path = "", headers, socket } = request;
  const call = { method, path, headers, body: request, from: whereFrom(socket), signal: gone.signal };
  const { status, type, body } = await answerTo(call, service);
  if (response.destroyed) return;
  // What was refused before its body came is not read on.
  const close = request.complete ? {} : { connection: "close" };
  response.writeHead(status, { "content-type": type, "content-length": body.length, ...close });
  response.end(body);
}

/** Answers a call of HTTP/2. */
export async function answerStream(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  service: Answering,
): Promise<void> {
  const call = {
    ...{ method: headers[":method"] ?? "", path: headers[":path"] ?? "", headers },
    ...{ body: bodyIn(stream), from: whereFrom(stream.session!.socket), signal: goneWith(stream) },
  };
  const { status, type, body } = await answerTo(call, service);
  if (stream.destroyed) return;
  cutOff(stream);
  stream.respond({ ":status": status, "content-type": type, "content-length": body.length });
  stream.end(body);
}
