/** What both transports do: a signed POST whose whole answer is read, in bounded memory and time. */
import { Buffer } from "node:buffer";
import { joinChunks } from "../../wire/exchange.ts";
import type { Call } from "../codec/messages.ts";
import { LinkError, type LinkOptions } from "./link.ts";

/** Bytes of the longest answer: an object of 5 MiB and what is said beside it. */
const LONGEST = 64 << 20;

/** One call as a transport puts it. */
export interface Post {
  path: string;
  /** Beside those of the signature. */
  headers: Record<string, string>;
  body: Uint8Array<ArrayBuffer>;
  /** What the names of headers end with that hold bytes. */
  bytesEnd: "" | "-bin";
  signal?: AbortSignal;
}

/** Posts to one link. Disposing of it closes its connections. */
export class Poster implements Disposable {
  readonly #server: URL;
  readonly #options: LinkOptions;
  readonly #client: Deno.HttpClient;

  /** @param protocols which versions of HTTP are spoken @default as the link chooses */
  constructor(
    server: URL,
    { protocols = {}, ...options }: LinkOptions & { protocols?: { http1?: boolean; http2?: boolean } },
  ) {
    this.#server = server;
    this.#options = options;
    const { ca } = options;
    this.#client = Deno.createHttpClient({ ...protocols, ...ca !== undefined && { caCerts: [ca] } });
  }

  /** @throws {LinkError} where there is no whole answer · the signal's reason */
  async post(
    call: Call,
    { path, headers, body, bytesEnd, signal }: Post,
  ): Promise<{ response: Response; bytes: Uint8Array }> {
    const { publicKey, timestamp, signature } = this.#options.identity.sign();
    try {
      const response = await fetch(new URL(path, this.#server), {
        method: "POST",
        headers: {
          ...headers,
          [`flwr-public-key${bytesEnd}`]: Buffer.from(publicKey).toString("base64"),
          "flwr-timestamp": timestamp,
          [`flwr-signature${bytesEnd}`]: Buffer.from(signature).toString("base64"),
        },
        body,
        redirect: "error",
        client: this.#client,
        signal: this.#limited(call, signal),
      });
      return { response, bytes: await bodyOf(response) };
    } catch (cause) {
      signal?.throwIfAborted();
      throw LinkError.unanswered(call, cause);
    }
  }

  /** The signal of a call: the caller's, and the end of its time. */
  #limited(call: Call, signal?: AbortSignal): AbortSignal {
    const { timeout: seconds = 60 } = this.#options;
    const timeout = AbortSignal.timeout(seconds * (call.endsWith("Object") ? 10 : 1) * 1000);
    return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** The whole body, no longer than an answer may be. @throws {RangeError} */
async function bodyOf(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > LONGEST) throw new RangeError(`more than ${LONGEST} bytes`);
    chunks.push(chunk);
  }
  return joinChunks(chunks);
}
