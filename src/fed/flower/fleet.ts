/** The Fleet API: typed calls over whichever transport the link speaks. */
import { type Call, FLEET, type Reply, type Request } from "./codec/messages.ts";
import { decode, encode, type Message, type Table } from "./codec/protobuf.ts";
import { GrpcLink } from "./link/grpc.ts";
import { HttpLink } from "./link/http.ts";
import { type Link, LinkError, type LinkOptions } from "./link/link.ts";

export type Transport = "auto" | "http" | "grpc";

/** A link's calls. Disposing of it closes the connections. */
export class Fleet implements Disposable {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  get transport(): "http" | "grpc" {
    return this.#link.name;
  }

  /**
   * Finds out what the link speaks: HTTP as since Flower 1.40, or gRPC as before.
   *
   * @throws {LinkError} of kind `bad` where what answers is no link or not trusted, `away` where nothing answers.
   */
  static async open(
    server: URL,
    { transport, ...options }: LinkOptions & { transport: Transport },
  ): Promise<Fleet> {
    const ways = { auto: [HttpLink, GrpcLink], http: [HttpLink], grpc: [GrpcLink] }[transport];
    const failed: LinkError[] = [];
    for (const Way of ways) {
      using held = new DisposableStack();
      const fleet = new Fleet(
        held.use(new Way(server, { ...options, timeout: Math.min(15, options.timeout ?? 15) })),
      );
      try {
        await fleet.call("SendNodeHeartbeat", { node: { id: 0n }, interval: 30 });
      } catch (error) {
        if (!(error instanceof LinkError)) throw error;
        if (error.kind === "away" || error.kind === "bad") {
          failed.push(error);
          continue;
        }
      }
      return new Fleet(new Way(server, options));
    }
    throw new LinkError(failed.every(({ kind }) => kind === "bad") ? "bad" : "away", {
      call: "SendNodeHeartbeat",
      detail: ways.map(({ title }, i) => `over ${title} ${failed[i].detail}`).join(", "),
      cause: failed,
    });
  }

  /** @throws {LinkError} of kind `bad` for an answer that is none, too. */
  async call<C extends Call>(name: C, request: Request<C>, signal?: AbortSignal): Promise<Reply<C>> {
    const [asked, answered]: readonly [Table, Table] = FLEET[name];
    const body = encode(asked, request as Message<Table>);
    const answer = await this.#link.send(name, body, signal);
    try {
      return decode(answered, answer) as Reply<C>;
    } catch (cause) {
      throw new LinkError("bad", { call: name, detail: (cause as Error).message, cause });
    }
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
  }
}
