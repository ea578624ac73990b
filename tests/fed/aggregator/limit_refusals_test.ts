import { assertEquals } from "@std/assert";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { limitRefusals } from "../../../src/fed/aggregator/limit_refusals.ts";

const refused = (peer: string): FedEvent => ({ type: "refused", peer, code: "X" });
const closing: FedEvent = { type: "closing", rounds: 3 };

/** What is told of a run of a and b, at a time that stands still. */
function quiet() {
  const clock = { now: 0 };
  const told: FedEvent[] = [];
  const tell = limitRefusals((event) => told.push(event), { silos: ["a", "b"], now: () => clock.now });
  return { clock, told, tell, [Symbol.dispose]: () => tell[Symbol.dispose]() };
}

Deno.test("limitRefusals tells 20 refusals of strangers a minute, then how many there were more; other events always", () => {
  using bench = quiet();
  const { clock, told, tell } = bench;
  for (let k = 0; k < 1000; k++) tell(refused(`2001:db8::${k}`));
  tell(closing);
  assertEquals(told.length, 21);
  clock.now = 61;
  tell(closing);
  tell(refused("192.0.2.1"));
  assertEquals(told.slice(21), [
    { type: "warning", text: "980 more refusals of strangers within a minute" },
    closing,
    refused("192.0.2.1"),
  ]);
});

Deno.test("limitRefusals tells at once that a silo was refused, whatever strangers do, and 20 times a minute either", () => {
  using bench = quiet();
  const { clock, told, tell } = bench;
  for (let k = 0; k < 1000; k++) tell(refused("192.0.2.1"));
  tell(refused("not-invited"));
  for (let k = 0; k < 25; k++) tell(refused("a"));
  tell(refused("b"));
  assertEquals(told.slice(20), [...Array(20).fill(refused("a")), refused("b")]);
  clock.now = 61;
  tell(closing);
  assertEquals(told.slice(41), [
    { type: "warning", text: "981 more refusals of strangers within a minute" },
    { type: "warning", text: "5 more refusals of a within a minute" },
    closing,
  ]);
});

Deno.test("limitRefusals tells how many more there were although no other event comes, at the latest when it is disposed of", async () => {
  const clock = { now: 0 };
  const told: FedEvent[] = [];
  const woken = Promise.withResolvers<void>();
  const onEvent = (event: FedEvent) => {
    told.push(event);
    if (event.type === "warning") woken.resolve();
  };
  const more = (count: number): FedEvent => ({
    type: "warning",
    text: `${count} more refusals of strangers within a minute`,
  });
  {
    using tell = limitRefusals(onEvent, { silos: [], stretch: 0.01, now: () => clock.now });
    for (let k = 0; k < 25; k++) tell(refused("192.0.2.1"));
    clock.now = 1;
    await woken.promise;
    assertEquals(told.slice(20), [more(5)]);
    for (let k = 0; k < 22; k++) tell(refused("192.0.2.1"));
  }
  assertEquals(told.slice(41), [more(2)]);
});

Deno.test("limitRefusals: a silo that declines, now for this and now for that, is told 20 times a minute", () => {
  using bench = quiet();
  const { told, tell } = bench;
  const declined = (silo: string, k: number): FedEvent => {
    return { type: "declined", silo, code: k % 2 === 0 ? "other_size" : "empty_class" };
  };
  for (let k = 0; k < 1000; k++) tell(declined("a", k));
  tell(declined("b", 0));
  assertEquals([told.length, told.at(-1)], [21, declined("b", 0)]);
});
