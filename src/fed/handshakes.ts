/**
 * Connections that have not ended their TLS handshake: whoever can reach the port can open them, so their number and
 * their time are bounded.
 *
 * Why not a bound by address: the hospitals of a consortium may share one. But where one has to go, it is one of the
 * address that has the most, and of those one that has said nothing yet: an honest peer speaks at once, so strangers
 * who hold on, or come back as soon as they are thrown out, push out each other.
 */

/** Most unfinished handshakes at a time; a process may often have 256 open files. */
const MOST = 64;
/** Longest that a handshake may take, seconds. */
const LONGEST = 10;
/** Bytes that the first words of an honest peer have at least. */
const HELLO = 128;

/** What is known of a connection here. */
export interface Stranger {
  readonly remoteAddress?: string;
  readonly bytesRead?: number;
  /** Ends the connection; the error is what the operator is told. */
  destroy(reason: Error): void;
}

/** The unfinished handshakes, oldest first. */
export class Handshakes<S extends Stranger> {
  readonly #begun = new Map<S, { address: string; timer: ReturnType<typeof setTimeout> }>();
  readonly #most: number;
  readonly #longest: number;

  /** @param options.most at a time @default 64 · `longest` seconds of one @default 10 */
  constructor(options: { most?: number; longest?: number } = {}) {
    this.#most = options.most ?? MOST;
    this.#longest = options.longest ?? LONGEST;
  }

  /** Takes note of a connection; when there are too many, an older one is closed. */
  begin(socket: S): void {
    if (this.#begun.size >= this.#most) {
      this.#close(this.#expendable(), `more than ${this.#most} unfinished handshakes`);
    }
    const late = () => this.#close(socket, `no handshake within ${this.#longest} s`);
    const timer = setTimeout(late, this.#longest * 1000);
    this.#begun.set(socket, { address: socket.remoteAddress ?? "", timer });
  }

  /** Its handshake is done, or the connection gone. */
  end(socket: S): void {
    clearTimeout(this.#begun.get(socket)?.timer);
    this.#begun.delete(socket);
  }

  /** Closes them all. */
  closeAll(): void {
    for (const socket of this.#begun.keys()) this.#close(socket, "nobody listens any more");
  }

  /** Of the address with the most connections the oldest one that has said next to nothing, or else the oldest. */
  #expendable(): S {
    const counts = new Map<string, number>();
    for (const { address } of this.#begun.values()) counts.set(address, (counts.get(address) ?? 0) + 1);
    const [crowd] = [...counts].reduce((most, one) => one[1] > most[1] ? one : most);
    const sockets = [...this.#begun].filter(([, { address }]) => address === crowd).map(([socket]) => socket);
    return sockets.find(({ bytesRead = 0 }) => bytesRead < HELLO) ?? sockets[0];
  }

  #close(socket: S, reason: string): void {
    this.end(socket);
    socket.destroy(new Error(reason));
  }
}
