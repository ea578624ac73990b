/**
 * Connections that have not ended their TLS handshake: whoever can reach the port can open them, so their number and
 * their time are bounded.
 *
 * Why not a bound by address: the hospitals of a consortium may share one. But where one has to go, it is one of the
 * address that has the most, so a flood from elsewhere pushes out itself. Of those one goes that should have spoken and
 * has not, or one that had the time of a handshake over a long line; where there is neither, the new one is not let in.
 * So an honest peer that is in gets through, however fast strangers come back, and one that is not in tries again.
 */

/** Most unfinished handshakes at a time; a process may often have 256 open files. */
const MOST = 64;
/** Longest that a handshake may take, seconds, and the time that it has where others wait for its place. */
const LONGEST = 10;
const LEAST = 0.4;
/** Bytes that the first words of an honest peer have at least, and seconds after which they are read. */
const HELLO = { bytes: 128, seconds: 0.05 };

/** What is known of a connection here. */
export interface Stranger {
  readonly remoteAddress?: string;
  readonly bytesRead?: number;
  /** Ends the connection; the error is what the operator is told. */
  destroy(reason: Error): void;
}

/** What is noted of a connection when it begins. */
interface Begun<S> {
  socket: S;
  address: string;
  /** Seconds of a clock that only rises. */
  at: number;
  timer: ReturnType<typeof setTimeout>;
}

/** The unfinished handshakes, oldest first. */
export class Handshakes<S extends Stranger> {
  readonly #begun = new Map<S, Begun<S>>();
  readonly #most: number;
  readonly #longest: number;
  readonly #now: () => number;

  /**
   * @param options.most at a time @default 64 · `longest` seconds of one @default 10 · `now` seconds of a clock that only
   * rises @default the process's
   */
  constructor(options: { most?: number; longest?: number; now?: () => number } = {}) {
    this.#most = options.most ?? MOST;
    this.#longest = options.longest ?? LONGEST;
    this.#now = options.now ?? (() => performance.now() / 1000);
  }

  /** Takes note of a connection; when there are too many, another one is closed, or this one. */
  begin(socket: S): void {
    const address = socket.remoteAddress ?? "";
    if (this.#begun.size >= this.#most) {
      const gone = this.#expendable(address) ?? socket;
      this.#close(gone, `more than ${this.#most} unfinished handshakes`);
      if (gone === socket) return;
    }
    const late = () => this.#close(socket, `no handshake within ${this.#longest} s`);
    const timer = setTimeout(late, this.#longest * 1000);
    this.#begun.set(socket, { socket, address, at: this.#now(), timer });
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

  /** The one that goes for a new one of this address; null where the new one has to. */
  #expendable(address: string): S | null {
    const counts = new Map<string, number>();
    for (const { address } of this.#begun.values()) counts.set(address, (counts.get(address) ?? 0) + 1);
    const [crowd] = [...counts].reduce((most, one) => one[1] > most[1] ? one : most);
    const ones = [...this.#begun.values()].filter((one) => one.address === crowd);
    const now = this.#now();
    const silent = ones.find(({ socket, at }) =>
      (socket.bytesRead ?? 0) < HELLO.bytes && now - at >= HELLO.seconds
    );
    const [oldest] = ones;
    if (silent !== undefined) return silent.socket;
    return address !== crowd || now - oldest.at >= LEAST ? oldest.socket : null;
  }

  #close(socket: S, reason: string): void {
    this.end(socket);
    socket.destroy(new Error(reason));
  }
}
