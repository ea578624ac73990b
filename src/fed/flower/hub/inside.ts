/**
 * The aggregator's endpoints for a silo that lives in its process: the same requests and answers as over the wire, so that the
 * same checks hold for its updates.
 */
import { readAt } from "../../../files/whole.ts";
import type { Inside } from "../../wire/guests.ts";
import type { Connections } from "../../wire/client.ts";
import { type Answer, type Call, ConnectionLost } from "../../wire/connection.ts";
import { splitPath } from "../../wire/exchange.ts";

/** One silo's way in. Disposing of it tells the aggregator that the silo is gone. */
export class InsideConnections implements Connections {
  readonly #inside: Inside;
  readonly #silo: string;
  readonly #closed = new AbortController();
  readonly #session = { destroy: () => this[Symbol.dispose]() };

  constructor(inside: Inside, silo: string) {
    this.#inside = inside;
    this.#silo = silo;
  }

  connect(): Promise<{ send(call: Call): Promise<Answer> }> {
    if (this.#closed.signal.aborted) return Promise.reject(new ConnectionLost("the site is gone"));
    return Promise.resolve({ send: (call) => this.#send(call) });
  }

  /** There is no certificate. */
  showRenewed(): Promise<void> {
    return Promise.resolve();
  }

  async #send({ method, path, headers = {}, body = [], into }: Call): Promise<Answer> {
    const answer = await this.#inside.handler({
      ...{ method, ...splitPath(path), range: headers.range, silo: this.#silo, session: this.#session },
      body: copies(body),
      signal: this.#closed.signal,
    });
    const told = { date: new Date().toUTCString() };
    if ("json" in answer) {
      return {
        status: answer.status,
        headers: told,
        body: new TextEncoder().encode(JSON.stringify(answer.json)),
      };
    }
    const { path: file, first, length, sha256 } = answer.file;
    const bytes = into === undefined ? new Uint8Array(length) : into.subarray(0, length);
    using opened = await Deno.open(file);
    await readAt(opened, first, bytes);
    return { status: answer.status, headers: { ...told, etag: `"${sha256}"` }, body: bytes };
  }

  [Symbol.dispose](): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new ConnectionLost("the site is gone"));
    this.#inside.gone(this.#silo, this.#session);
  }
}

/** Chunks whose memory is the reader's. */
async function* copies(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield chunk.slice();
}
