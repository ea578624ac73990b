/** A call of Flower 1.40 and later: `POST /v1/fleet/<call>` with protobuf both ways. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { FLEET } from "../codec/messages.ts";
import { refusalOf, STATUS } from "./refusal.ts";
import { type Answering, whereFrom } from "./service.ts";

/** The names of calls by their paths. */
const NAMES = new Map(
  Object.keys(FLEET).map((name) => [`/v1/fleet/${name.replace(/\B[A-Z]/g, "-$&").toLowerCase()}`, name]),
);

/** Answers one call. */
export async function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  service: Answering,
): Promise<void> {
  const gone = new AbortController();
  response.on("error", () => {});
  response.on("close", () => gone.abort());
  const header = (name: string) => String(request.headers[`flwr-${name}`] ?? "");
  let answer: { status: number; type: string; body: Uint8Array };
  try {
    const body = await service({
      name: request.method === "POST" ? NAMES.get(request.url ?? "") ?? "" : "",
      signed: { key: header("public-key"), timestamp: header("timestamp"), signature: header("signature") },
      ...{ body: request, from: whereFrom(request.socket), signal: gone.signal },
    });
    answer = { status: 200, type: "application/protobuf", body };
  } catch (error) {
    const { kind, message } = refusalOf(error);
    const body = new TextEncoder().encode(JSON.stringify({ code: STATUS[kind].http, detail: message }));
    answer = { status: STATUS[kind].http, type: "application/json", body };
  }
  if (response.destroyed) return;
  // What was refused before its body came is not read on.
  const close = request.complete || request.httpVersionMajor > 1 ? {} : { connection: "close" };
  response.writeHead(answer.status, {
    ...{ "content-type": answer.type, "content-length": answer.body.length, ...close },
  });
  response.end(answer.body);
}
