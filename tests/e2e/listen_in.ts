/** A whole run of the program's processes with a proxy before each silo, and everything that the silos said. */
import { assertEquals } from "@std/assert";
import { issue } from "../../src/fed/pki/ca.ts";
import { freePort } from "../testing/free_port.ts";
import { Federation } from "./federation.ts";
import { makeHospitals, SILOS } from "../testing/hospitals.ts";
import { type Http2Request, readRequests } from "../testing/http2_requests.ts";
import { type Said, sortSaid } from "./leaving.ts";
import { type Transcript, Wiretap } from "./wiretap.ts";

/** Three proxies, one with each silo's key. */
async function openTaps(dir: string, port: number): Promise<Record<string, Wiretap>> {
  await issue({ name: "proxy", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls-proxy` });
  const taps: Record<string, Wiretap> = {};
  for (const silo of SILOS) {
    taps[silo] = await Wiretap.open({ server: `${dir}/tls-proxy`, client: `${dir}/tls-${silo}`, port });
  }
  return taps;
}

/** What one silo of the run said, its one connection's bytes and where they went. */
export interface Heard {
  transcript: Transcript;
  requests: Http2Request[];
  said: Said;
  authority: string;
}

/**
 * One run in `dir` with certificates and shards made for it; c so slow that the pulse of all is heard, and steps enough
 * that test logits fall into several bins.
 */
export async function listenIn(
  dir: string,
  rounds: number,
): Promise<{ federation: Federation; heard: Record<string, Heard> }> {
  await makeHospitals(dir, { train: 96, test: 120 });
  const port = freePort();
  const taps = await openTaps(dir, port);
  try {
    const doors = Object.fromEntries(SILOS.map((silo) => [silo, taps[silo].port]));
    const faults = { c: ["delay:600"] };
    const flags = ["--batch", "4", "--lr", "0.0003", "--local-epochs", "3"];
    const federation = new Federation({ dir, name: "run", rounds, port, doors, faults, flags });
    await federation.run();
    const heard: Record<string, Heard> = {};
    for (const silo of SILOS) {
      const [transcript, ...more] = taps[silo].transcripts;
      assertEquals(more, []);
      const authority = `127.0.0.1:${taps[silo].port}`;
      const requests = await readRequests(transcript.sent, transcript.received);
      heard[silo] = { transcript, requests, said: sortSaid(requests, { authority }), authority };
    }
    return { federation, heard };
  } finally {
    for (const tap of Object.values(taps)) await tap[Symbol.asyncDispose]();
  }
}
