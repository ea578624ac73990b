/**
 * A line of some length to a port of this machine. A connection arrives together with its first words, as over a real
 * one; through a proxy that connects at once, it would stand there silent first.
 */

/** Whole chunks, each so many seconds later, in order. */
async function carry(from: Deno.Conn, to: Deno.Conn | Promise<Deno.Conn>, delay: number): Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  for (let open = true; open;) {
    const chunk = new Uint8Array(1 << 16);
    const size = await from.read(chunk).catch(() => null);
    open = size !== null;
    const due = new Promise((resolve) => setTimeout(resolve, 1000 * delay));
    const before = last;
    last = due.then(() => before).then(async () => {
      const conn = await to;
      if (size === null) return;
      for (let done = 0; done < size;) done += await conn.write(chunk.subarray(done, size));
    });
    last.catch(() => {}); // awaited below
  }
  await last.catch(() => {}); // the other side has closed
  const conn = await Promise.resolve(to).catch(() => null);
  conn?.close();
}

/** Listens until disposed of; its connections live until one of their ends closes. */
export class Distant implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Promise<unknown>>();
  readonly #accepting: Promise<void>;

  /** @param delay seconds each way */
  constructor(port: number, delay: number) {
    this.#accepting = this.#accept(port, delay);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(port: number, delay: number): Promise<void> {
    for await (const near of this.#listener) {
      const far = new Promise((resolve) => setTimeout(resolve, 1000 * delay))
        .then(() => Deno.connect({ hostname: "127.0.0.1", port }));
      const back = far.then((conn) => carry(conn, near, delay), () => near.close());
      this.#connections.add(Promise.allSettled([carry(near, far, delay), back]));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#connections);
  }
}
