/**
 * What does judging the peers cost a handshake? Both sides judge: read the other's certificate and check its signature.
 *
 *     npx -y deno@2.9.3 task bench bench/handshake.ts
 *
 * A handshake is TCP, TLS 1.3 with both certificates and HTTP/2's settings, on one machine and in one process. With:
 * `serve` and `Connection.open`. Baseline: node:http2's own server and client with the same settings, which trust Deno
 * alone. In turn, 200 times each; medians. A signature that was found good is not checked again: with “first” it is, by both
 * sides, as when they have not met since they were started.
 */
import * as http2 from "node:http2";
import { initCa, issue } from "../src/fed/pki/ca.ts";
import { type Identity, readIdentity } from "../src/fed/pki/own_certificate.ts";
import { Connection } from "../src/fed/wire/connection.ts";
import { issuerOf } from "../src/fed/pki/issuer.ts";
import { serve } from "../src/fed/wire/server.ts";
import { SESSION_WINDOW, SETTINGS } from "../src/fed/wire/tls.ts";
import { median } from "../src/fed/maths/median.ts";
import { machine } from "./machine.ts";

const TIMES = 200;
const WAYS = ["plain", "first", "again"] as const;

/** Milliseconds of one handshake; it is over when the client has the server's settings. */
async function time(open: () => Promise<Disposable>): Promise<number> {
  const began = performance.now();
  using _ = await open();
  return performance.now() - began;
}

function openPlain(url: URL, identity: Identity): Promise<Disposable> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(url, { ...identity, minVersion: "TLSv1.3", settings: SETTINGS });
    session.on("connect", () => session.setLocalWindowSize(SESSION_WINDOW));
    session.on("remoteSettings", () => resolve({ [Symbol.dispose]: () => session.destroy() }));
    session.on("error", reject);
  });
}

console.log(machine());
const dir = await Deno.makeTempDir();
try {
  await initCa(`${dir}/ca`);
  await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/hub` });
  await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/a` });
  const [hub, silo] = [await readIdentity(`${dir}/hub`), await readIdentity(`${dir}/a`)];
  const common = {
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
    settings: SETTINGS,
  } as const;
  const plain = http2.createSecureServer({ ...hub, ...common });
  plain.on("session", (session) => session.setLocalWindowSize(SESSION_WINDOW));
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  await using judging = await serve({
    ...{ host: "127.0.0.1", port: 0, identity: hub, onEvent() {}, onSession() {} },
    admission: { check: () => Promise.resolve() },
    handler: () => Promise.resolve({ status: 200, json: {} }),
  });
  const url = (port: number) => new URL(`https://127.0.0.1:${port}`);
  const to = { plain: url((plain.address() as { port: number }).port), judging: url(judging.port) };
  const { proven } = issuerOf(hub.ca);
  const times: Record<typeof WAYS[number], number[]> = { plain: [], first: [], again: [] };
  for (let i = -20; i < TIMES; i++) {
    // The first is another one each time; of the first twenty nothing is counted, since code is compiled.
    for (const way of i % 2 === 0 ? WAYS : WAYS.toReversed()) {
      if (way === "first") proven.clear();
      const took = await time(() =>
        way === "plain" ? openPlain(to.plain, silo) : Connection.open(to.judging, silo)
      );
      if (i >= 0) times[way].push(took);
    }
  }
  const without = median(times.plain);
  console.log(`without judging   ${without.toFixed(2)} ms`);
  for (const way of ["first", "again"] as const) {
    const took = median(times[way]);
    console.log(`${way} meeting     ${took.toFixed(2)} ms, ${(took - without).toFixed(2)} ms more`);
  }
  plain.close();
} finally {
  await Deno.remove(dir, { recursive: true });
}
