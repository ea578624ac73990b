/** Both sides of a TLS 1.3 handshake that may show any certificate and sign with any key. */
import { type KeyObject, sign } from "node:crypto";
import { concat, finished, Records, Schedule, sha256, uint, vector } from "./tls13_keys.ts";
import { HASH, Line, MESSAGE, type Secured, type Ticket } from "./tls13_line.ts";

export type { Secured, Ticket };

type Bytes = Uint8Array<ArrayBuffer>;

/** Types of extensions, and the only values that these peers know. */
const EXTENSION = {
  groups: 10,
  schemes: 13,
  alpn: 16,
  psk: 41,
  versions: 43,
  pskModes: 45,
  keyShare: 51,
} as const;
const X25519 = 0x1d, ECDSA_P256 = 0x0403, AES_128 = 0x1301;
const H2 = vector(2, vector(1, new TextEncoder().encode("h2")));
/** What a peer shows, and the key that it signs with, which need not belong to it. */
export interface Shown {
  certificates: readonly Uint8Array[];
  key: KeyObject;
}

/** Connects to a server whatever it shows. */
export async function connect(
  port: number,
  options: {
    shown?: Shown;
    ticket?: Ticket;
    /** Sent behind the Finished, in its segment. */
    behind?: Uint8Array;
  },
): Promise<Secured> {
  const line = new Line(await Deno.connect({ hostname: "127.0.0.1", port }));
  const { shown, ticket, behind = new Uint8Array() } = options;
  const schedule = new Schedule(ticket?.key);
  const share = await keyShare();
  line.send(clientHello(share.publicKey, schedule, ticket));
  const hello = await line.message(MESSAGE.serverHello);
  schedule.next(await share.secret(keyShareIn(extensionsOf(hello, 4 + 2 + 32 + 1 + hello[4 + 2 + 32] + 3))));
  const client = schedule.derive("c hs traffic", line.said),
    server = schedule.derive("s hs traffic", line.said);
  line.reading = new Records(server);
  let context: Bytes | null = null;
  for (let type = 0; type !== MESSAGE.finished;) {
    const message = await line.message();
    type = message[0];
    if (type === MESSAGE.certificateRequest) context = message.slice(5, 5 + message[4]);
  }
  schedule.next();
  const application = {
    client: schedule.derive("c ap traffic", line.said),
    server: schedule.derive("s ap traffic", line.said),
  };
  line.writing = new Records(client);
  if (context !== null) line.send(...identify("client", { shown, context, said: line.said }));
  line.send(message(MESSAGE.finished, finished(client, line.said)));
  await line.flush(behind);
  line.resumption = schedule.derive("res master", line.said);
  line.writing = new Records(application.client);
  line.reading = new Records(application.server);
  return line;
}

/** Answers one client's handshake, without asking for its certificate. */
export async function accept(conn: Deno.Conn, shown: Shown): Promise<Secured> {
  const line = new Line(conn);
  const schedule = new Schedule();
  const hello = await line.message(MESSAGE.clientHello);
  const id = 4 + 2 + 32, session = hello.slice(id, id + 1 + hello[id]);
  const suites = id + session.length,
    theirs = extensionsOf(hello, suites + 2 + (hello[suites] << 8 | hello[suites + 1]) + 2);
  const share = await keyShare();
  const ours = extensions([
    [EXTENSION.versions, uint(0x0304, 2)],
    [EXTENSION.keyShare, concat(uint(X25519, 2), vector(2, share.publicKey))],
  ]);
  const random = crypto.getRandomValues(new Uint8Array(32));
  line.send(
    message(MESSAGE.serverHello, uint(0x0303, 2), random, session, uint(AES_128, 2), uint(0, 1), ours),
  );
  schedule.next(await share.secret(keyShareIn(theirs, 2)));
  const client = schedule.derive("c hs traffic", line.said),
    server = schedule.derive("s hs traffic", line.said);
  await line.flush();
  line.writing = new Records(server);
  line.reading = new Records(client);
  line.send(message(MESSAGE.encryptedExtensions, extensions([[EXTENSION.alpn, H2]])));
  line.send(...identify("server", { shown, context: new Uint8Array(), said: line.said }));
  line.send(message(MESSAGE.finished, finished(server, line.said)));
  schedule.next();
  const application = {
    client: schedule.derive("c ap traffic", line.said),
    server: schedule.derive("s ap traffic", line.said),
  };
  await line.flush();
  await line.message(MESSAGE.finished);
  line.writing = new Records(application.server);
  line.reading = new Records(application.client);
  return line;
}

/** Certificate and CertificateVerify; `said`: the messages before them. */
function identify(
  side: "client" | "server",
  options: { shown?: Shown; context: Uint8Array; said: Bytes },
): Bytes[] {
  const { shown, context, said } = options;
  const entries = (shown?.certificates ?? []).map((der) => concat(vector(3, der), vector(2)));
  const certificate = message(MESSAGE.certificate, vector(1, context), vector(3, ...entries));
  if (shown === undefined) return [certificate];
  const text = new TextEncoder().encode(`${" ".repeat(64)}TLS 1.3, ${side} CertificateVerify\0`);
  const signature = new Uint8Array(sign("sha256", concat(text, sha256(said, certificate)), shown.key));
  return [certificate, message(MESSAGE.certificateVerify, uint(ECDSA_P256, 2), vector(2, signature))];
}

function clientHello(publicKey: Bytes, schedule: Schedule, ticket?: Ticket): Bytes {
  const list: [number, Uint8Array][] = [
    [EXTENSION.versions, vector(1, uint(0x0304, 2))],
    [EXTENSION.groups, vector(2, uint(X25519, 2))],
    [EXTENSION.schemes, vector(2, uint(ECDSA_P256, 2))],
    [EXTENSION.keyShare, vector(2, uint(X25519, 2), vector(2, publicKey))],
    [EXTENSION.alpn, H2],
    [EXTENSION.pskModes, vector(1, uint(1, 1))],
  ];
  const random = crypto.getRandomValues(new Uint8Array(32));
  const head = [uint(0x0303, 2), random, vector(1), vector(2, uint(AES_128, 2)), vector(1, uint(0, 1))];
  if (ticket === undefined) return message(MESSAGE.clientHello, ...head, extensions(list));
  const age = (Date.now() - ticket.at + ticket.ageAdd) % 2 ** 32;
  const identities = vector(2, vector(2, ticket.ticket), uint(age, 4));
  const withBinder = (binder: Uint8Array) =>
    message(
      MESSAGE.clientHello,
      ...head,
      extensions([...list, [EXTENSION.psk, concat(identities, vector(2, vector(1, binder)))]]),
    );
  const blank = withBinder(new Uint8Array(HASH));
  return withBinder(schedule.binder(blank.subarray(0, blank.length - (2 + 1 + HASH))));
}

function message(type: number, ...parts: readonly Uint8Array[]): Bytes {
  return concat(uint(type, 1), vector(3, ...parts));
}

function extensions(list: readonly (readonly [number, Uint8Array])[]): Bytes {
  return vector(2, ...list.map(([type, value]) => concat(uint(type, 2), vector(2, value))));
}

function extensionsOf(hello: Uint8Array, at: number): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let next = at + 2; next < hello.length;) {
    const [type, length] = [hello[next] << 8 | hello[next + 1], hello[next + 2] << 8 | hello[next + 3]];
    found.set(type, hello.subarray(next + 4, next + 4 + length));
    next += 4 + length;
  }
  return found;
}

/** The X25519 key of a hello; a client's stand in a list. */
function keyShareIn(hello: Map<number, Uint8Array>, from = 0): Bytes {
  const shares = hello.get(EXTENSION.keyShare)!;
  for (let next = from; next < shares.length;) {
    const [group, length] = [shares[next] << 8 | shares[next + 1], shares[next + 2] << 8 | shares[next + 3]];
    if (group === X25519) return shares.slice(next + 4, next + 4 + length);
    next += 4 + length;
  }
  throw new Error("Cannot shake hands: expected an X25519 key, got none");
}

async function keyShare(): Promise<{ publicKey: Bytes; secret(theirs: Bytes): Promise<Bytes> }> {
  const pair = await crypto.subtle.generateKey("X25519", false, ["deriveBits"]) as CryptoKeyPair;
  return {
    publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)),
    async secret(theirs) {
      const key = await crypto.subtle.importKey("raw", theirs, "X25519", false, []);
      return new Uint8Array(
        await crypto.subtle.deriveBits({ name: "X25519", public: key }, pair.privateKey, 256),
      );
    },
  };
}
