/** Whether the caller of a stream is still there. */
import type * as http2 from "node:http2";

/**
 * Aborted when the caller goes away, whichever way that shows first: what a broken body does to a handler is then no
 * failure of the handler.
 */
export function goneWith(stream: http2.ServerHttp2Stream): AbortSignal {
  const gone = new AbortController();
  for (const end of ["aborted", "error", "close"]) stream.once(end, () => gone.abort());
  return gone.signal;
}
