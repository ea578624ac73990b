/**
 * A proxy between a silo and the aggregator that ends TLS on both sides and keeps every byte the silo sends.
 *
 * Why below HTTP/2: what it keeps is what left the silo, not what a library made of it; the bytes go on as they came.
 */
import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { joinChunks } from "../../src/fed/wire/exchange.ts";

/** What one connection carried, both ways, without TLS. */
export interface Transcript {
  sent: Uint8Array<ArrayBuffer>;
  received: Uint8Array<ArrayBuffer>;
}

export interface WiretapOptions {
  /** The folder of the certificate that it shows to the silo. */
  server: string;
  /** The folder of the silo's certificate, which it shows to the aggregator. */
  client: string;
  /** The aggregator's port on 127.0.0.1. */
  port: number;
}

/** A listening proxy on 127.0.0.1; disposing of it breaks its connections. */
export class Wiretap implements AsyncDisposable {
  readonly #server: tls.Server;
  readonly #sockets = new Set<tls.TLSSocket>();
  readonly #kept: { sent: Uint8Array[]; received: Uint8Array[] }[] = [];

  private constructor(server: tls.Server) {
    this.#server = server;
  }

  static async open({ server, client, port }: WiretapOptions): Promise<Wiretap> {
    const common = { minVersion: "TLSv1.3" as const, ALPNProtocols: ["h2"] };
    const identity = await readIdentity(client);
    const options = { ...common, ...await readIdentity(server), requestCert: true, rejectUnauthorized: true };
    const tap = new Wiretap(tls.createServer(options, async (near: tls.TLSSocket) => {
      const far = await connect({ ...common, ...identity, host: "127.0.0.1", port });
      if (far === null) near.destroy();
      else tap.#join(near, far);
    }));
    await new Promise<void>((resolve) => tap.#server.listen(0, "127.0.0.1", resolve));
    return tap;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Of every connection so far, in order. */
  get transcripts(): Transcript[] {
    return this.#kept.map(({ sent, received }) => ({
      sent: joinChunks(sent),
      received: joinChunks(received),
    }));
  }

  #join(near: tls.TLSSocket, far: tls.TLSSocket): void {
    const kept = { sent: [] as Uint8Array[], received: [] as Uint8Array[] };
    this.#kept.push(kept);
    near.on("data", (chunk: Uint8Array) => kept.sent.push(chunk.slice()));
    far.on("data", (chunk: Uint8Array) => kept.received.push(chunk.slice()));
    near.pipe(far);
    far.pipe(near);
    for (const [socket, other] of [[near, far], [far, near]]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Connects, again and again for 10 s where nobody listens yet: to a silo, a proxy that hangs up looks like a refusal. */
async function connect(options: tls.ConnectionOptions): Promise<tls.TLSSocket | null> {
  for (let tries = 0; tries < 100; tries++) {
    const socket = tls.connect(options);
    const connected = await new Promise<boolean>((resolve) => {
      socket.once("secureConnect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (connected) return socket;
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return null;
}
