/**
 * What an aggregator makes of a site with Flower that lies, and of those who would be it: each lie is refused by name, nothing of
 * it is counted, and the run of the others, and of the site once it is honest, ends with the right numbers.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Said } from "../../src/fed/flower/codec/content.ts";
import { encodeNpy } from "../../src/fed/flower/codec/npy.ts";
import type { FlowerRecord, RecordDict } from "../../src/fed/flower/codec/records.ts";
import { FlowerIdentity } from "../../src/fed/flower/identity.ts";
import { LinkError } from "../../src/fed/flower/link/link.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { receiptsOf, runRole } from "../testing/fake_federation.ts";
import { arraysOf } from "../testing/flower_life.ts";
import { aggregator, serve, silos, SITE, withSite } from "../testing/flower_rig.ts";
import { answered, enrolNew, FlowerSite, type Instruction } from "../testing/flower_site.ts";

const metrics = (examples: bigint | number): FlowerRecord => ({
  type: "MetricRecord",
  values: new Map([["num-examples", examples]]),
});

/** Lies of a reply to `train`, and what the operator reads of each; replies_test.ts has more. */
const LIES: [lie: (content: RecordDict) => Pick<Said, "content" | "error">, told: RegExp][] = [
  [(content) => ({ content: broken(content) }), /finite values in features\.0\.0\.weight.*NaN/],
  [
    (content) => ({ content: new Map([...content, ["metrics", metrics(10_000n)]]) }),
    /num-examples 96.*10000/,
  ],
  [() => ({ error: { code: 2n, reason: "no\u001b[2Jmemory" } }), /an answer.*error 2: no.{0,8}memory/],
];

function broken(content: RecordDict): RecordDict {
  const [first, ...rest] = arraysOf(content.get("arrays"));
  const npy = encodeNpy({ shape: [32, 1, 3, 3], values: new Float32Array(288).fill(NaN) });
  return new Map([...content, ["arrays", { type: "ArrayRecord", arrays: [{ ...first, npy }, ...rest] }]]);
}

Deno.test("a site with Flower that lies is refused by name, asked again, and counts once it is honest", () =>
  withSite("http", async (rig) => {
    const events: FedEvent[] = [];
    const run = aggregator(rig, { onEvent: (event) => events.push(event) });
    let lies = 0;
    const lying = async (site: FlowerSite, asked: Instruction): Promise<boolean> => {
      if (asked.metadata.type !== "train" || lies === LIES.length) return false;
      const [lie] = LIES[lies++];
      await site.push(site.pack(asked, lie(await answered(asked, SITE))));
      return true;
    };
    const [result] = await Promise.all([run, silos(rig), serve(rig, run, lying)]);
    assertEquals([result.degraded, result.rounds], [false, 1]);
    assertEquals(receiptsOf(`${rig.dir}/state-aggregator`).length, 3);
    const told = events.flatMap((event) =>
      event.type === "refused" ? [`${event.peer} ${event.code} ${event.expected} got ${event.got}`] : []
    );
    assertEquals(told.length, LIES.length, told.join("\n"));
    for (const [at, [, words]] of LIES.entries()) {
      assertMatch(told[at], words);
      assert(told[at].startsWith("c flower_reply ") && !told[at].includes("\u001b"));
    }
  }));

Deno.test("a replayed reply, objects without end and another node's name are refused, and the run goes on", () =>
  withSite("grpc", async (rig) => {
    const events: FedEvent[] = [];
    const run = aggregator(rig, { onEvent: (event) => events.push(event) });
    let before: ReturnType<FlowerSite["pack"]> | null = null;
    const refusals: string[] = [];
    const note = (error: LinkError) => void refusals.push(error.message);
    let huge = 0;
    const lying = async (site: FlowerSite, asked: Instruction): Promise<boolean> => {
      if (asked.metadata.type === "evaluate") {
        const packed = site.pack(asked, { content: await answered(asked, SITE) });
        await site.push(packed);
        if (before === null) await site.announce(before = packed).catch(note);
        return true;
      }
      if (huge++ > 0) return false;
      await site.announce(before!).catch(note);
      await site.call("PullMessages", { node: { id: site.node + 1n } }).catch(note);
      // A tensor of 80 MB, in objects of which each is small enough.
      const npy = (fill: number) =>
        encodeNpy({ shape: [5 << 20], values: Float32Array.from({ length: 5 << 20 }, (_, i) => fill * i) });
      const arrays = [1, 2, 3, 4].map((fill) => ({
        name: `${fill}`,
        npy: npy(fill),
        dtype: "float32",
        shape: [5 << 20],
      }));
      const content: RecordDict = new Map([["arrays", { type: "ArrayRecord", arrays }], [
        "metrics",
        metrics(96n),
      ]]);
      await site.push(site.pack(asked, { content })).catch(note);
      return true;
    };
    const [result] = await Promise.all([run, silos(rig), serve(rig, run, lying)]);
    assertEquals(result.degraded, false);
    assertEquals(receiptsOf(`${rig.dir}/state-aggregator`).length, 3);
    const told = refusals.join("\n");
    assertMatch(told, /none that is open/);
    assertMatch(told, /the name of another node/);
    assertMatch(told, /at most \d+ bytes/);
    const named = events.flatMap((event) => event.type === "refused" ? [`${event.peer} ${event.got}`] : []);
    assert(named.some((text) => /^c .*none that is open/.test(text)), named.join("\n"));
    assert(named.some((text) => /^c .*at most/.test(text)), named.join("\n"));
  }));

Deno.test("nobody is a site with Flower but who has its key: not a silo's certificate of its name, not another key", () =>
  withSite("http", async (rig) => {
    const events: FedEvent[] = [];
    const stop = new AbortController();
    const run = aggregator(rig, { onEvent: (event) => events.push(event), signal: stop.signal }).catch(
      () => {},
    );
    using site = await FlowerSite.open(rig.site);
    // The CA's holder gave c a certificate as well: it is no way in.
    const error = await assertRejects(() => runRole({ ...rig.spec, role: "c" }), ProtocolError);
    assertEquals(error.code, "flower_site");
    // Enrolled now, but not in this run.
    const stranger = await enrolNew(`${rig.dir}/tls-aggregator`, "d");
    for (const identity of [stranger, new FlowerIdentity(FlowerIdentity.generate())]) {
      const { Fleet } = await import("../../src/fed/flower/fleet.ts");
      const server = new URL(`https://127.0.0.1:${rig.site.port}`);
      using fleet = await Fleet.open(server, { transport: "http", ca: rig.site.ca, identity });
      for (const call of ["PullMessages", "GetRun"] as const) {
        const request = { node: { id: site.node }, run: 1n };
        const refused = await assertRejects(() => fleet.call(call, request), LinkError);
        assertEquals(refused.kind, "unknown");
      }
    }
    const told = events.flatMap((event) => event.type === "refused" ? [`${event.code} ${event.got}`] : []);
    assert(told.includes("flower_site a silo of fedx"), told.join("\n"));
    assert(told.some((text) => text === "flower_caller a key that is not enrolled"), told.join("\n"));
    stop.abort();
    await run;
  }));
