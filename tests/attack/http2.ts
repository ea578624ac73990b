/** The least of HTTP/2 that asks one question, or hears one. */
import { FRAME, frameBytes, framesOf, PREFACE } from "../testing/http2_requests.ts";
import type { Secured } from "./tls13.ts";
import { concat } from "./tls13_keys.ts";

const END_STREAM = 1, END_HEADERS = 4;

/** What either side begins with: settings, all as they are by default. */
const SETTINGS = frameBytes({ type: FRAME.settings, flags: 0, stream: 0, payload: new Uint8Array() });

/** What came until the frame `until`, or the end. */
async function hear(peer: Secured, options: { until: number; head?: Uint8Array }): Promise<number[]> {
  const { until, head = new Uint8Array() } = options;
  let heard = new Uint8Array();
  for (;;) {
    const data = await peer.read();
    heard = concat(heard, data ?? new Uint8Array());
    const types = wholeFrames(heard.subarray(head.length));
    if (data === null || types.includes(until)) return types;
  }
}

/** Types of the frames that are there whole. */
function wholeFrames(bytes: Uint8Array): number[] {
  for (let end = bytes.length; end > 0; end--) {
    try {
      return [...framesOf(bytes.subarray(0, end))].map((one) => one.type);
    } catch {
      // Cut in the middle of a frame.
    }
  }
  return [];
}

/** Asks `GET /v1/run`, and says whether an answer came. */
export async function ask(server: Secured): Promise<boolean> {
  const path = new TextEncoder().encode("/v1/run");
  // :method GET, :scheme https, :path, :authority x
  const headers = concat(Uint8Array.of(0x82, 0x87, 0x04, path.length), path, Uint8Array.of(0x01, 1, 0x78));
  const flags = END_STREAM | END_HEADERS;
  const question = frameBytes({ type: FRAME.headers, flags, stream: 1, payload: headers });
  await server.write(concat(PREFACE, SETTINGS, question)).catch(() => {});
  return (await hear(server, { until: FRAME.headers })).includes(FRAME.headers);
}

/** Greets a client as an HTTP/2 server, and says how much it told: nothing, a greeting, or a request. */
export async function listen(client: Secured): Promise<"nothing" | "greeting" | "request"> {
  await client.write(SETTINGS).catch(() => {});
  const types = await hear(client, { until: FRAME.headers, head: PREFACE });
  if (types.includes(FRAME.headers)) return "request";
  return types.length > 0 ? "greeting" : "nothing";
}
