/**
 * Connections that have not ended their TLS handshake: whoever can reach the port can open them, so their number and
 * their time are bounded.
 *
 * Why not a bound by address: the hospitals of a consortium may share one. An honest handshake takes a few hundred
 * milliseconds, so it is through long before it is the oldest.
 */

/** Most unfinished handshakes at a time; a process may often have 256 open files. */
const MOST = 128;
/** Longest that a handshake may take, seconds. */
const LONGEST = 10;

/** What is known of a connection here. */
interface Closable {
  destroy(): void;
}

/** The unfinished handshakes, oldest first. */
export class Handshakes<S extends Closable> {
  readonly #begun = new Map<S, ReturnType<typeof setTimeout>>();
  readonly #most: number;
  readonly #longest: number;

  /** @param options.most at a time @default 128 · `longest` seconds of one @default 10 */
  constructor(options: { most?: number; longest?: number } = {}) {
    this.#most = options.most ?? MOST;
    this.#longest = options.longest ?? LONGEST;
  }

  /** Takes note of a connection; when there are too many, the oldest is closed. */
  begin(socket: S): void {
    if (this.#begun.size >= this.#most) this.#close(this.#begun.keys().next().value!);
    this.#begun.set(socket, setTimeout(() => this.#close(socket), this.#longest * 1000));
  }

  /** Its handshake is done, or the connection gone. */
  end(socket: S): void {
    clearTimeout(this.#begun.get(socket));
    this.#begun.delete(socket);
  }

  #close(socket: S): void {
    this.end(socket);
    socket.destroy();
  }
}
