/** Sites with Flower in real runs of the roles: their updates count as a silo's do, whatever is killed. */
import { assert, assertEquals } from "@std/assert";
import { flowerHub } from "../../../../src/fed/flower/hub/hub.ts";
import type { Guests } from "../../../../src/fed/wire/guests.ts";
import type { FedEvent } from "../../../../src/fed/protocol/event.ts";
import {
  Killed,
  receiptsOf,
  runFederation,
  runRole,
  withFederation,
} from "../../../testing/fake_federation.ts";
import { aggregator, serve, silos, SITE, withSite } from "../../../testing/flower_rig.ts";
import { answered, FlowerSite } from "../../../testing/flower_site.ts";

/** The hash that three silos of fedx reach with the same trainers. */
let plain: Promise<string> | undefined;
const plainHash = () =>
  plain ??= (async () => {
    let hash = "";
    await withFederation(async (dir) => {
      const { result } = await runFederation({ dir, full: true, rounds: 1 });
      hash = result.last_sha256;
    });
    return hash;
  })();

for (const transport of ["http", "grpc"] as const) {
  Deno.test(`flowerHub: a site over ${transport} counts as a silo of fedx does, to the last bit`, () =>
    withSite(transport, async (rig) => {
      const events: FedEvent[] = [];
      const run = aggregator(rig, { onEvent: (event) => events.push(event) });
      const [result] = await Promise.all([run, silos(rig), serve(rig, run)]);
      assertEquals(result.last_sha256, await plainHash());
      assertEquals([result.degraded, result.rounds], [false, 1]);
      const counted = events.flatMap((event) =>
        event.type === "update_counted" ? [`${event.round} ${event.silo}`] : []
      );
      assertEquals(counted.toSorted(), ["1 a", "1 b", "1 c"]);
      const { c: own } = result.test.silos;
      assertEquals([own.auroc, own.positives, own.negatives], [.75, 20, 20]);
      assertEquals(events.filter(({ type }) => type === "refused"), []);
    }));
}

/** Moments at which the aggregator is killed: the last one right after the site's own update has counted. */
const KILLS: [name: string, is: (event: FedEvent) => boolean][] = [
  ["as the round opens", ({ type }) => type === "row"],
  ["as the site's update is counted", (event) => event.type === "update_counted" && event.silo === "c"],
];

for (const [moment, is] of KILLS) {
  Deno.test(`flowerHub: an aggregator killed ${moment} goes on with the node's reply, and counts it once`, () =>
    withSite("http", async (rig) => {
      const first = new AbortController();
      // Nothing is written after a SIGKILL, whatever this process still does.
      const guests: Guests = (inside) => {
        const set = (key: string, value: unknown) => first.signal.aborted || inside.memory.set(key, value);
        return flowerHub(rig.hub)({
          ...inside,
          memory: { ...inside.memory, set: (key, value) => void set(key, value) },
        });
      };
      const live = runRole({ ...rig.spec, role: "aggregator" }, {
        ...{ guests, signal: first.signal },
        onEvent: (event) => is(event) && first.abort(new Killed()),
      }).catch((error) => error);
      const run = live.then(async (error) => {
        assert(error instanceof Killed, String(error));
        return await aggregator(rig);
      });
      const [result] = await Promise.all([run, silos(rig), serve(rig, run)]);
      assertEquals(result.last_sha256, await plainHash());
      assertEquals(receiptsOf(`${rig.dir}/state-aggregator`).length, 3);
      assertEquals([result.degraded, result.test.silos.c.auroc], [false, .75]);
    }));
}

Deno.test("flowerHub: a site whose node dies over its work is given the same again, and counts once", () =>
  withSite("http", async (rig) => {
    const run = aggregator(rig);
    let died = 0;
    const asked: string[] = [];
    const lives = async () => {
      // Each node of the first two dies with what it was asked: after the pull, and in the middle of its reply.
      for (let life = 0; life < 2; life++) {
        using site = await FlowerSite.open(rig.site);
        let instruction = await site.next();
        while (instruction.metadata.type !== "train") {
          await site.push(site.pack(instruction, { content: await answered(instruction, SITE) }));
          instruction = await site.next();
        }
        asked.push(instruction.id);
        if (life === 1) {
          const packed = site.pack(instruction, { content: await answered(instruction, SITE) });
          const { wanted, session } = await site.announce(packed);
          const { run } = packed.message.metadata;
          for (const object of wanted.slice(0, 100)) {
            const content = packed.objects.get(object)!;
            await site.call("PushObject", { node: { id: site.node }, run, object, content, session });
          }
        }
        died++;
      }
      await serve(rig, run);
    };
    const [result] = await Promise.all([run, silos(rig), lives()]);
    assertEquals([died, asked[0]], [2, asked[1]]);
    assertEquals(result.last_sha256, await plainHash());
    assertEquals(receiptsOf(`${rig.dir}/state-aggregator`).length, 3);
  }));

Deno.test("flowerHub: a site that leaves is lost, and the run goes on degraded without it", () =>
  withSite("http", async (rig) => {
    const events: FedEvent[] = [];
    const run = aggregator({ ...rig, spec: { ...rig.spec, silence: 4 } }, {
      onEvent: (event) => events.push(event),
    });
    const leaving = async () => {
      using site = await FlowerSite.open(rig.site);
      for (;;) {
        const asked = await site.next();
        if (asked.metadata.group === "2") return await site.leave();
        await site.push(site.pack(asked, { content: await answered(asked, SITE) }));
      }
    };
    const fast = { ...rig, spec: { ...rig.spec, silence: 4 } };
    const [result] = await Promise.all([run, silos(fast), leaving()]);
    assertEquals([result.degraded, result.missing], [true, { c: [2] }]);
    assert(events.some((event) => event.type === "lost" && event.silo === "c"));
  }, { silence: 5 }));

Deno.test("flowerHub: a node that is silent is gone", () =>
  withSite("http", async (rig) => {
    const fast = { ...rig, spec: { ...rig.spec, silence: 2 } };
    const run = aggregator(fast);
    const silent = async () => {
      using site = await FlowerSite.open(rig.site);
      const asked = await site.next();
      await site.push(site.pack(asked, { content: await answered(asked, SITE) }));
      await site.next();
    };
    const [result] = await Promise.all([run, silos(fast), silent()]);
    assertEquals([result.degraded, result.missing], [true, { c: [1, 2] }]);
  }, { silence: 1 }));
