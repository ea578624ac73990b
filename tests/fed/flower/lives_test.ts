import { assert, assertEquals } from "@std/assert";
import { digest } from "../../../src/files/digest.ts";
import { arraysOf, config, live, newState, open, trainOn } from "../../testing/flower_life.ts";
import { FlowerLink } from "../../testing/flower_link.ts";

Deno.test("a reply that nobody waits for is dropped, and the next message is answered", async () => {
  for (const kind of ["over", "bad", "early"] as const) {
    const link = new FlowerLink();
    link.ask("query", new Map());
    link.ask("query", new Map(), { group: "2" });
    let times = 1;
    link.fail = (call) => call === "PushMessages" && times-- > 0 ? kind : null;
    const events = await live(link, {});
    assertEquals(link.replies.map(({ metadata }) => metadata.group), ["2"]);
    assert(events.some((event) => event.type === "warning" && event.text.includes("query is dropped")));
  }
  const old = new FlowerLink();
  old.ask("query", new Map(), { created: Date.now() / 1000 - 99, ttl: 98 });
  old.ask("query", new Map(), { group: "2" });
  await live(old, {});
  assertEquals(old.replies.length, 1);
});

Deno.test("a reply that the link dropped half-way is sent again from its start", async () => {
  const link = new FlowerLink();
  link.forgets = 2;
  link.ask("train", trainOn());
  await live(link, {});
  assertEquals(link.calls.filter((call) => call === "PushMessages").length, 2);
});

Deno.test("what is kept for a restart and turns out damaged is made again", async () => {
  const damage: Record<string, (path: string) => Promise<void>> = {
    truncated: (path) => Deno.truncate(path, 5000),
    altered: async (path) => await Deno.writeFile(path, (await Deno.readFile(path)).with(-1, 1)),
    gone: (path) => Deno.remove(path),
  };
  for (const [name, spoil] of Object.entries(damage)) {
    const link = new FlowerLink();
    link.ask("train", trainOn());
    const state = newState();
    await live(link, { state, kill: "answered" });
    await spoil(`${state}/staged/reply.bin`);
    await live(link, { state });
    assertEquals([link.replies.length, link.replies[0].error], [1, undefined], name);
  }
});

Deno.test("a silo killed between being done and tidying up answers the next message as any other", async () => {
  const link = new FlowerLink();
  link.ask("train", trainOn());
  const state = newState();
  await live(link, { state, kill: "answered" });
  const left = await Deno.readFile(`${state}/staged/instruction.bin`);
  await live(link, { state });
  await Deno.writeFile(`${state}/staged/instruction.bin`, left);
  link.ask("train", trainOn({ "server-round": 2n }));
  await live(link, { state }, { replies: 2 });
  assertEquals(link.replies.map(({ error }) => error), [undefined, undefined]);
});

Deno.test("a reply for one link, or for an app that is no longer let ask, is sent to no other", async () => {
  const link = new FlowerLink();
  link.ask("train", trainOn());
  const state = newState();
  await live(link, { state, kill: "answered" });
  await live(link, { state, apps: ["other/app"] });
  assertEquals(link.replies.map(({ error }) => error?.code), [6n]);
  link.ask("train", trainOn({ "server-round": 2n }));
  await live(link, { state, kill: "answered" });
  using journal = await open(state, { link: "https://another/" });
  assertEquals([journal.instruction, journal.reply, journal.node], [null, null, null]);
});

Deno.test("a silo that is stopped with work in hand says no goodbye: the link waits for it", async () => {
  const link = new FlowerLink();
  link.ask("train", trainOn());
  const state = newState();
  await live(link, { state, kill: "training" });
  assert(!link.calls.includes("DeactivateNode"));
  await live(link, { state });
  assertEquals(link.calls.at(-1), "DeactivateNode");
});

const KILLS = ["pulled", "training", "answered", "pushing", "pushed"];
for (const [kill, impatient] of KILLS.flatMap((kill) => [[kill, false], [kill, true]] as const)) {
  const where = impatient ? ", of a link whose app asks at once" : "";
  Deno.test(`a silo killed when ${kill} and started again answers the same instruction once, as if nothing had been${where}`, async () => {
    const plain = new FlowerLink();
    plain.ask("train", trainOn());
    await live(plain, {});
    const link = new FlowerLink();
    link.impatient = impatient;
    link.ask("train", trainOn());
    const state = newState();
    await live(link, { state, kill });
    await live(link, { state });
    assertEquals(link.replies.length, 1);
    const bytes = (one: FlowerLink) =>
      arraysOf(one.replies[0].content?.get("arrays")).map(({ npy }) => digest(npy));
    assertEquals(bytes(link), bytes(plain));
    using journal = await open(state);
    assertEquals([journal.instruction, journal.reply, journal.node], [null, null, 11n]);
  });
}

Deno.test("a link that is away is asked again, and one that no longer knows the node is joined anew", async () => {
  const link = new FlowerLink();
  link.ask("query", new Map([["config", config({})]]));
  let failures: ("away" | "unknown")[] = ["away", "unknown"];
  link.fail = (call) => {
    if (call !== "PullMessages") return null;
    const [first, ...rest] = failures;
    failures = rest;
    return first ?? null;
  };
  await live(link, {});
  assertEquals(link.calls.filter((call) => call === "ActivateNode").length, 1);
  assertEquals(link.calls.filter((call) => call === "SendNodeHeartbeat").length, 1);
  assertEquals(link.replies.length, 1);
});
