/** A whole run of the program's processes with a proxy before two of the silos, and everything that these two said. */
import { assertEquals } from "@std/assert";
import { loadModel, saveModel } from "../../src/model/weights/model_file.ts";
import { issue } from "../../src/fed/pki/ca.ts";
import { freePort } from "../testing/free_port.ts";
import { Federation } from "./federation.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { type Http2Request, readRequests } from "../testing/http2_requests.ts";
import { runJson } from "../testing/program.ts";
import { fillShard } from "./private_shard.ts";
import { type Said, sortSaid } from "./leaving.ts";
import { type Transcript, Wiretap } from "./wiretap.ts";

/** The silos that have a proxy: the one that waits most, and the slow one. */
export const HEARD = ["a", "c"] as const;

/** Proxies, each with its silo's key. */
async function openTaps(dir: string, port: number): Promise<Record<string, Wiretap>> {
  await issue({ name: "proxy", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls-proxy` });
  const taps: Record<string, Wiretap> = {};
  for (const silo of HEARD) {
    taps[silo] = await Wiretap.open({ server: `${dir}/tls-proxy`, client: `${dir}/tls-${silo}`, port });
  }
  return taps;
}

/** `predict`'s logits of a shard, one for each of its rows, written to `out`. */
export async function logitsOf(
  shard: string,
  o: { dir: string; model: string; out: string },
): Promise<number[]> {
  const { dir, model, out } = o;
  await runJson(["predict", "--model", model, "--shard", shard, "--out", out], { cwd: dir });
  const [, ...lines] = (await Deno.readTextFile(`${dir}/${out}`)).trim().split("\n");
  return lines.map((line) => Number(line.split(",")[1]));
}

/**
 * Writes `init.safetensors`: weights of whose logits over the films of hospital a a quarter lies below -1, a half on either
 * side of 0 and a quarter above 1, so that they fall into many bins, whatever a few steps of training made of them.
 */
async function makeStart(dir: string): Promise<void> {
  const model = "trained.safetensors";
  const recipe = ["--rounds", "1", "--local-epochs", "8", "--batch", "4", "--threads", "1"];
  await runJson(["local", "--shard", "shard-a", "--init", "random", ...recipe, "--out", model], { cwd: dir });
  const logits = await logitsOf("shard-a", { dir, model, out: "trained.csv" });
  const sorted = logits.toSorted((x, y) => x - y);
  const [low, middle, high] = [1, 2, 3].map((quarter) => sorted[quarter * sorted.length >> 2]);
  const width = (high - low) / 2;
  const { vector, layout, metadata } = await loadModel(`${dir}/${model}`);
  const head = (name: string) => {
    const { offset, length } = layout.tensors.find((tensor) => tensor.name === `classifier.1.${name}`)!;
    return vector.subarray(offset, offset + length);
  };
  head("weight").forEach((w, i, all) => all[i] = w / width);
  head("bias").forEach((b, i, all) => all[i] = (b - middle) / width);
  await saveModel(`${dir}/init.safetensors`, vector, layout, metadata);
}

/** What one silo of the run said, its one connection's bytes and where they went. */
export interface Heard {
  transcript: Transcript;
  requests: Http2Request[];
  said: Said;
  authority: string;
}

/** One run in `dir` with certificates and shards made for it, full of what must stay in a hospital; c so slow that the pulse of all is heard. */
export async function listenIn(
  dir: string,
  rounds: number,
): Promise<{ federation: Federation; heard: Record<string, Heard> }> {
  await makeHospitals(dir, { test: 120 });
  for (const silo of HEARD) await fillShard(dir, silo);
  await makeStart(dir);
  const port = freePort();
  const taps = await openTaps(dir, port);
  try {
    const doors = Object.fromEntries(HEARD.map((silo) => [silo, taps[silo].port]));
    const faults = { c: ["delay:400"] };
    // With statistics that stay, and this rate, the start's logits stay too.
    const flags = ["--batch", "8", "--lr", "1e-6", "--bn", "0", "--init", "init.safetensors"];
    const federation = new Federation({ dir, name: "run", rounds, port, doors, faults, flags });
    await federation.run();
    const heard: Record<string, Heard> = {};
    for (const silo of HEARD) {
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
