/** Flower 1.40 and later: bare protobuf over HTTP. */
import { Buffer } from "node:buffer";
import type { Call } from "../codec/messages.ts";
import { bodyOf, type FailureKind, limited, type Link, LinkError, type LinkOptions } from "./link.ts";

const TYPE = "application/protobuf";
const KINDS: Record<number, FailureKind> = {
  ...{ 401: "unknown", 403: "over", 409: "early", 412: "early", 408: "away", 429: "away" },
};

/** A link that is spoken to over HTTP. */
export class HttpLink implements Link {
  static readonly title = "HTTP";
  readonly name = "http";
  readonly #server: URL;
  readonly #options: LinkOptions;
  readonly #client: Deno.HttpClient;

  constructor(server: URL, options: LinkOptions) {
    this.#server = server;
    this.#options = options;
    this.#client = Deno.createHttpClient({ ...options.ca !== undefined && { caCerts: [options.ca] } });
  }

  async send(call: Call, body: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<Uint8Array> {
    const { publicKey, timestamp, signature } = this.#options.identity.sign();
    const unanswered = (cause: unknown): never => {
      signal?.throwIfAborted();
      throw LinkError.unanswered(call, cause);
    };
    const response = await fetch(new URL(`/v1/fleet/${pathOf(call)}`, this.#server), {
      method: "POST",
      headers: {
        "content-type": TYPE,
        "flwr-public-key": Buffer.from(publicKey).toString("base64"),
        "flwr-timestamp": timestamp,
        "flwr-signature": Buffer.from(signature).toString("base64"),
      },
      body,
      redirect: "error",
      client: this.#client,
      signal: limited(call, this.#options, signal),
    }).catch(unanswered);
    const bytes = await bodyOf(response).catch(unanswered);
    const type = response.headers.get("content-type") ?? "";
    if (response.status === 200 && (type.startsWith(TYPE) || bytes.length === 0)) return bytes;
    const detail = `${response.status} ${detailOf(bytes)}`.trim();
    const kind = KINDS[response.status] ?? (response.status >= 500 ? "away" : "bad");
    throw new LinkError(kind, { call, detail });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** `pull-messages` for PullMessages. */
const pathOf = (call: Call) => call.replaceAll(/(?!^)[A-Z]/g, "-$&").toLowerCase();

/** What a refusal says, as its JSON has it. */
function detailOf(bytes: Uint8Array): string {
  try {
    const { code, detail } = JSON.parse(new TextDecoder().decode(bytes));
    return [code, detail].filter((part) => part !== undefined).map(String).join(" ");
  } catch {
    return "";
  }
}
