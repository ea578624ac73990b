/** A TCP proxy that is a bad line: every chunk comes late, some later still, and connections end with RST. */
import * as net from "node:net";

/** Bytes on their way in one direction before the sender has to wait. */
const IN_FLIGHT = 4 << 20;
/** Bytes after which a long transfer draws again whether it is reset. */
const STRETCH = 1 << 20;
/** Seconds of silence that end a burst. */
const BURST = 0.25;

/** How bad a line is. */
export interface Line {
  /** Seconds each way. */
  delay: number;
  /** Share of chunks that come a timeout later, as TCP shows a lost packet: everything behind them waits. */
  loss: number;
  /** Share of bursts, and of each further MiB in one, that end with RST instead. */
  resets: number;
  /** Of the random numbers. */
  seed: number;
}

/** Listens on a free port of 127.0.0.1; disposing of it breaks its connections. */
export class BadNetwork implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #ways: Way[] = [];
  readonly #line: Line;
  #state: number;
  #disposed = false;
  /** What it did to the connections so far. */
  readonly done = { connections: 0, resets: 0, losses: 0, bytes: 0 };

  private constructor(line: Line, port: number) {
    this.#line = line;
    this.#state = line.seed;
    this.#server = net.createServer((near) => this.#join(near, net.connect(port, "127.0.0.1")));
  }

  static async open(line: Line, port: number): Promise<BadNetwork> {
    const network = new BadNetwork(line, port);
    await new Promise<void>((resolve) => network.#server.listen(0, "127.0.0.1", resolve));
    return network;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#disposed = true;
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await Promise.all(this.#ways.map(({ idle }) => idle));
  }

  #join(near: net.Socket, far: net.Socket): void {
    this.done.connections++;
    const reset = () => {
      if (near.destroyed || far.destroyed) return;
      this.done.resets++;
      for (const socket of [near, far]) socket.resetAndDestroy();
    };
    // One that the system had accepted before the end may come after it.
    if (this.#disposed) { for (const socket of [near, far]) socket.destroy(); }
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      this.#carry(from, to, reset);
    }
  }

  #carry(from: net.Socket, to: net.Socket, reset: () => void): void {
    const { delay, loss, resets } = this.#line;
    const way = new Way(from, to);
    this.#ways.push(way);
    let [last, stretch, due] = [-Infinity, 0, 0];
    from.on("data", (chunk: Uint8Array) => {
      const now = performance.now() / 1000;
      const draws = now - last > BURST || (stretch += chunk.length) > STRETCH;
      if (draws) stretch = 0;
      last = now;
      if (draws && this.#random() < resets) return reset();
      due = Math.max(due, now + delay);
      if (this.#random() < loss) {
        this.done.losses++;
        due += 0.2 + 2 * delay;
      }
      this.done.bytes += chunk.length;
      way.take(chunk, due);
    });
    from.on("end", () => way.take(null, due));
  }

  /** The next of a stream of numbers in [0, 1) that the seed fixes: mulberry32. */
  #random(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let x = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    x = x + Math.imul(x ^ x >>> 7, 61 | x) ^ x;
    return ((x ^ x >>> 14) >>> 0) / 2 ** 32;
  }
}

/** One direction of a connection: chunks arrive in order, each when it is due. */
class Way {
  readonly #queue: { chunk: Uint8Array | null; due: number }[] = [];
  #flying = 0;
  #moving = false;
  /** Until nothing is under way. */
  idle: Promise<void> = Promise.resolve();

  constructor(readonly from: net.Socket, readonly to: net.Socket) {}

  /** @param chunk null: the end. @param due seconds on the clock of `performance.now()`, never before the last one's. */
  take(chunk: Uint8Array | null, due: number): void {
    this.#queue.push({ chunk, due });
    this.#flying += chunk?.length ?? 0;
    if (this.#flying > IN_FLIGHT) this.from.pause();
    if (!this.#moving) this.idle = this.#move();
  }

  async #move(): Promise<void> {
    this.#moving = true;
    for (let next; (next = this.#queue.shift()) !== undefined && !this.to.destroyed;) {
      const left = next.due * 1000 - performance.now();
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
      if (this.to.destroyed) break;
      if (next.chunk === null) this.to.end();
      else {
        this.to.write(next.chunk);
        this.#flying -= next.chunk.length;
        if (this.#flying <= IN_FLIGHT) this.from.resume();
      }
    }
    this.#moving = false;
  }
}
