/**
 * A call of Flower before 1.40: gRPC, one message in and one out.
 *
 * Why not a package: a call is five bytes before a message and a status in the trailers; the servers of the two packages that
 * there are corrupt what they send over TLS under Deno 2.9.3, or bring a framework.
 */
import type * as http2 from "node:http2";
import { FleetRefusal, refusalOf, STATUS } from "./refusal.ts";
import { type Answering, whereFrom } from "./service.ts";
import { goneWith } from "../../wire/gone.ts";
import { bodyIn, cutOff } from "./stream.ts";

/** Whether it is compressed, and its length. */
const PREFIX = 5;
/** Answers one call. */
export async function answerGrpc(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  service: Answering,
): Promise<void> {
  const header = (name: string) => String(headers[`flwr-${name}`] ?? "");
  try {
    const bytes = await service({
      name: /^\/flwr\.proto\.Fleet\/(\w{1,40})$/.exec(headers[":path"] ?? "")?.[1] ?? "",
      signed: {
        key: header("public-key-bin"),
        timestamp: header("timestamp"),
        signature: header("signature-bin"),
      },
      body: unframed(bodyIn(stream)),
      ...{ from: whereFrom(stream.session!.socket), signal: goneWith(stream) },
    });
    respond(stream, { bytes, status: 0, message: "" });
  } catch (error) {
    const { kind, message } = refusalOf(error);
    respond(stream, { bytes: null, status: STATUS[kind].grpc, message });
  }
}

function respond(
  stream: http2.ServerHttp2Stream,
  { bytes, status, message }: { bytes: Uint8Array | null; status: number; message: string },
): void {
  if (stream.destroyed) return;
  cutOff(stream);
  const trailers = { "grpc-status": String(status), "grpc-message": encodeURIComponent(message) };
  const head = { ":status": 200, "content-type": "application/grpc" };
  if (bytes === null) return void stream.respond({ ...head, ...trailers }, { endStream: true });
  stream.respond(head, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  const prefix = new Uint8Array(PREFIX);
  new DataView(prefix.buffer).setUint32(1, bytes.length);
  stream.write(prefix);
  stream.end(bytes);
}

/** A body without what gRPC puts before its one message. @throws {FleetRefusal} for a compressed or broken one */
async function* unframed(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const head = new Uint8Array(PREFIX);
  let seen = 0, length = 0;
  for await (const chunk of body) {
    const own = chunk.subarray(0, Math.max(0, PREFIX - seen));
    head.set(own, Math.min(seen, PREFIX));
    seen += chunk.length;
    length += chunk.length - own.length;
    if (chunk.length > own.length) yield chunk.subarray(own.length);
  }
  const whole = seen >= PREFIX && head[0] === 0 && new DataView(head.buffer).getUint32(1) === length;
  if (!whole) throw new FleetRefusal("bad", "no whole message of gRPC");
}
