/**
 * Flower 1.23 to 1.39: gRPC, each call one message out and one back.
 *
 * Why not a package: `fetch` speaks HTTP/2, and what gRPC adds to it for such calls are five bytes and a status. The status
 * of a call that went well comes in trailers, which `fetch` does not show: a whole message is the answer.
 */
import type { Call } from "../codec/messages.ts";
import { type FailureKind, type Link, LinkError, type LinkOptions } from "./link.ts";
import { Poster } from "./poster.ts";

/** By gRPC's status. */
const KINDS: Record<string, FailureKind> = {
  ...{ 16: "unknown", 9: "early", 7: "over", 14: "away", 4: "away", 2: "away", 13: "away" },
};
/** Whether it is compressed, and its length. */
const PREFIX = 5;

/** A link that is spoken to over gRPC. */
export class GrpcLink implements Link {
  static readonly title = "gRPC";
  readonly name = "grpc";
  readonly #poster: Poster;

  constructor(server: URL, options: LinkOptions) {
    this.#poster = new Poster(server, { ...options, protocols: { http1: false, http2: true } });
  }

  async send(call: Call, body: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<Uint8Array> {
    const { response, bytes } = await this.#poster.post(call, {
      path: `/flwr.proto.Fleet/${call}`,
      headers: { "content-type": "application/grpc", te: "trailers" },
      body: framed(body),
      bytesEnd: "-bin",
      signal,
    });
    const status = response.headers.get("grpc-status");
    if (status !== null && status !== "0") {
      const words = unescaped(response.headers.get("grpc-message") ?? "");
      throw new LinkError(KINDS[status] ?? "bad", { call, detail: `status ${status} ${words}` });
    }
    const type = response.headers.get("content-type") ?? "";
    if (response.status !== 200 || !type.startsWith("application/grpc")) {
      throw new LinkError(response.status >= 500 ? "away" : "bad", {
        call,
        detail: `HTTP ${response.status}`,
      });
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < PREFIX || view.getUint8(0) !== 0 || view.getUint32(1) !== bytes.length - PREFIX) {
      throw new LinkError("away", { call, detail: "no whole message" });
    }
    return bytes.subarray(PREFIX);
  }

  [Symbol.dispose](): void {
    this.#poster[Symbol.dispose]();
  }
}

/** gRPC's texts are escaped with percent signs, or should be. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A message as gRPC puts it on the wire, uncompressed. */
function framed(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PREFIX + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, PREFIX);
  return bytes;
}
