/** Flower 1.40 and later: bare protobuf over HTTP. */
import { type Call, fleetPath } from "../codec/messages.ts";
import { type FailureKind, type Link, LinkError, type LinkOptions } from "./link.ts";
import { Poster } from "./poster.ts";

const TYPE = "application/protobuf";
const KINDS: Record<number, FailureKind> = {
  ...{ 401: "unknown", 403: "over", 409: "early", 412: "early", 408: "away", 429: "away" },
};

/** A link that is spoken to over HTTP. */
export class HttpLink implements Link {
  static readonly title = "HTTP";
  readonly name = "http";
  readonly #poster: Poster;

  constructor(server: URL, options: LinkOptions) {
    this.#poster = new Poster(server, options);
  }

  async send(call: Call, body: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<Uint8Array> {
    const path = fleetPath(call), headers = { "content-type": TYPE };
    const { response, bytes } = await this.#poster.post(call, { path, headers, body, bytesEnd: "", signal });
    const type = response.headers.get("content-type") ?? "";
    if (response.status === 200 && (type.startsWith(TYPE) || bytes.length === 0)) return bytes;
    const detail = `${response.status} ${detailOf(bytes)}`.trim();
    const kind = KINDS[response.status] ?? (response.status >= 500 ? "away" : "bad");
    throw new LinkError(kind, { call, detail });
  }

  [Symbol.dispose](): void {
    this.#poster[Symbol.dispose]();
  }
}

/** What a refusal says, as its JSON has it. */
function detailOf(bytes: Uint8Array): string {
  try {
    const { code, detail } = JSON.parse(new TextDecoder().decode(bytes));
    return [code, detail].filter((part) => part !== undefined).map(String).join(" ");
  } catch {
    return "";
  }
}
