/** A server in the aggregator's place, and the certificates that it may show there with a key that is not theirs. */
import { listen } from "./http2.ts";
import { concat } from "./tls13_keys.ts";
import { accept, type Shown } from "./tls13.ts";
import {
  bits,
  draft,
  issuerIn,
  keys,
  longLength,
  make,
  padded,
  readDer,
  sequence,
  tlv,
} from "../testing/certificates.ts";

/** How far a client went: it ended the handshake, or said nothing, only greeted, or sent a request. */
export type Heard = "refused" | Awaited<ReturnType<typeof listen>>;

/** Runs `body` while a server shows `shown`; tells how far each client went. */
export async function withForged(shown: Shown, body: (port: number) => Promise<void>): Promise<Heard[]> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const heard: Promise<Heard>[] = [];
  const serving = (async () => {
    for await (const conn of listener) heard.push(serve(conn, shown));
  })();
  try {
    await body((listener.addr as Deno.NetAddr).port);
  } finally {
    listener.close();
    await serving;
  }
  return await Promise.all(heard);
}

async function serve(conn: Deno.Conn, shown: Shown): Promise<Heard> {
  try {
    using client = await accept(conn, shown);
    return await listen(client);
  } catch {
    return "refused";
  } finally {
    try {
      conn.close();
    } catch {
      // Closed already.
    }
  }
}

/** Of a role's genuine certificate, what somebody can make who has seen it and holds another key. */
export async function forgeries(dir: string, role: "silo" | "aggregator"): Promise<Record<string, Shown>> {
  const genuine = await readDer(`${dir}/${role === "silo" ? "tls-a" : "tls-aggregator"}/cert.pem`);
  const { publicKey, privateKey: key } = keys();
  const ca = { name: issuerIn(genuine), key };
  const forms = {
    "of version 1 with the CA's name": make(draft(role, ca, { version: null, key: publicKey })),
    "genuine, with a byte behind it": padded(genuine),
    "genuine, with its length in a longer form": longLength(genuine),
    "genuine, as it is": genuine,
    "genuine, with its signature written anew": signedAnew(genuine),
    "of another CA with the same name": make(draft(role, ca, { key: publicKey })),
  };
  return Object.fromEntries(Object.entries(forms).map(([name, der]) => [name, { certificates: [der], key }]));
}

/** The other signature (r, n − s) that every ECDSA signature (r, s) has. */
export function signedAnew(der: Uint8Array): Uint8Array<ArrayBuffer> {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const body = der.slice(4, 8 + (der[6] << 8 | der[7]));
  const rest = der.subarray(4 + body.length);
  const outer = rest.slice(0, 2 + rest[1]);
  // BIT STRING, unused bits, SEQUENCE, then two INTEGERs, all of short lengths.
  const numbers = rest.subarray(outer.length + 5);
  const r = numbers.slice(0, 2 + numbers[1]);
  const s = BigInt(`0x${numbers.subarray(r.length + 2).toHex()}`);
  const hex = (order - s).toString(16).padStart(64, "0");
  const plain = Uint8Array.fromHex(hex.replace(/^(00)+(?=.)/, ""));
  const other = plain[0] >= 0x80 ? concat(Uint8Array.of(0), plain) : plain;
  return sequence(body, outer, bits(0, sequence(r, tlv(0x02, other))));
}
