/** One end of a TLS 1.3 connection: handshake messages and data in records, and the tickets that came. */
import { concat, expand, RECORD, type Records, vector } from "./tls13_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Types of handshake messages. */
export const MESSAGE = {
  clientHello: 1,
  serverHello: 2,
  ticket: 4,
  encryptedExtensions: 8,
  certificate: 11,
  certificateRequest: 13,
  certificateVerify: 15,
  finished: 20,
} as const;
/** Bytes of a SHA-256. */
export const HASH = 32;

/** What resumes a session. */
export interface Ticket {
  ticket: Bytes;
  key: Bytes;
  ageAdd: number;
  at: number;
}

/** A connection after its handshake. */
export interface Secured extends Disposable {
  write(data: Uint8Array): Promise<void>;
  /** The next data; null at the end, however it comes. */
  read(): Promise<Bytes | null>;
  /** Tickets that came so far. */
  readonly tickets: Ticket[];
}

/** One end of the line: records in and out, and what was said in the handshake so far. */
export class Line implements Secured {
  readonly tickets: Ticket[] = [];
  reading: Records | null = null;
  writing: Records | null = null;
  resumption: Bytes | null = null;
  said: Bytes = new Uint8Array();
  readonly #conn: Deno.Conn;
  #out: Bytes[] = [];
  #in: Bytes = new Uint8Array();
  #messages: Bytes = new Uint8Array();

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Handshake messages, which go out with the next flush. */
  send(...messages: Uint8Array[]): void {
    for (const one of messages) {
      this.said = concat(this.said, one);
      const plain = concat(Uint8Array.of(RECORD.handshake, 3, 3), vector(2, one));
      this.#out.push(this.writing?.seal(RECORD.handshake, one) ?? plain);
    }
  }

  async flush(behind: Uint8Array = new Uint8Array()): Promise<void> {
    const bytes = concat(...this.#out, behind);
    this.#out = [];
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** The next handshake message. @throws {Error} the peer ended the handshake, or sent another than `type`. */
  async message(type?: number): Promise<Bytes> {
    await this.flush();
    const length = () => 4 + (this.#messages[1] << 16 | this.#messages[2] << 8 | this.#messages[3]);
    while (this.#messages.length < 4 || this.#messages.length < length()) {
      const record = await this.#record();
      if (record === null || record.type === RECORD.alert) {
        throw new Error("Cannot shake hands: the peer ended it");
      }
      if (record.type === RECORD.handshake) this.#messages = concat(this.#messages, record.content);
    }
    const one = this.#messages.slice(0, length());
    this.#messages = this.#messages.slice(one.length);
    if (type !== undefined && one[0] !== type) {
      throw new Error(`Cannot shake hands: expected ${type}, got ${one[0]}`);
    }
    this.said = concat(this.said, one);
    return one;
  }

  async write(data: Uint8Array): Promise<void> {
    await this.flush(this.writing!.seal(RECORD.data, data));
  }

  async read(): Promise<Bytes | null> {
    for (;;) {
      const record = await this.#record().catch(() => null);
      if (record === null || record.type === RECORD.alert) return null;
      if (record.type === RECORD.data) return record.content;
      if (record.type === RECORD.handshake && record.content[0] === MESSAGE.ticket) {
        this.#keep(record.content);
      }
    }
  }

  #keep(messages: Bytes): void {
    for (let at = 0; at < messages.length;) {
      const body = messages.subarray(at + 4);
      const nonce = body.subarray(9, 9 + body[8]), rest = body.subarray(9 + body[8]);
      const ticket = rest.slice(2, 2 + (rest[0] << 8 | rest[1]));
      const ageAdd = new DataView(body.buffer, body.byteOffset + 4, 4).getUint32(0);
      this.tickets.push({
        ticket,
        key: expand(this.resumption!, "resumption", nonce, HASH),
        ageAdd,
        at: Date.now(),
      });
      at += 4 + (messages[at + 1] << 16 | messages[at + 2] << 8 | messages[at + 3]);
    }
  }

  /** The next record, in the clear; null at the end. */
  async #record(): Promise<{ type: number; content: Bytes } | null> {
    for (;;) {
      const length = this.#in.length < 5 ? 5 : 5 + (this.#in[3] << 8 | this.#in[4]);
      if (this.#in.length < length || length === 5) {
        const chunk = new Uint8Array(1 << 14);
        const got = await this.#conn.read(chunk).catch(() => null);
        if (got === null) return null;
        this.#in = concat(this.#in, chunk.subarray(0, got));
        continue;
      }
      const record = this.#in.slice(0, length);
      this.#in = this.#in.slice(length);
      if (record[0] === RECORD.change) continue;
      if (record[0] !== RECORD.data) return { type: record[0], content: record.slice(5) };
      return this.reading!.open(record);
    }
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}
