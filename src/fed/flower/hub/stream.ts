/** What both kinds of call over HTTP/2 need of a stream. */
import * as http2 from "node:http2";

/** Milliseconds in which a caller that was answered before its end may end its body by itself. */
const REST = 1000;

/** The body; a refusal in its midst still has its answer to give. */
export const bodyIn = (stream: http2.ServerHttp2Stream): AsyncIterable<Uint8Array> =>
  stream.iterator({ destroyOnReturn: false });

/** Reads away what is left of a body, or the stream would never close; whose body has no end is cut off. */
export function cutOff(stream: http2.ServerHttp2Stream): void {
  stream.resume();
  const rest = setTimeout(() => stream.destroyed || stream.close(http2.constants.NGHTTP2_NO_ERROR), REST);
  stream.once("close", () => clearTimeout(rest));
}
