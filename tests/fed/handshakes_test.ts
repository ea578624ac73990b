import { assertEquals } from "@std/assert";
import type { FedEvent } from "../../src/fed/event.ts";
import { Handshakes } from "../../src/fed/handshakes.ts";
import { quietly } from "../../src/fed/quietly.ts";

function sockets(count: number) {
  return Array.from({ length: count }, () => ({
    closed: false,
    destroy() {
      this.closed = true;
    },
  }));
}

Deno.test("Handshakes closes the oldest unfinished one where there are too many, and no finished one", () => {
  const handshakes = new Handshakes<ReturnType<typeof sockets>[0]>({ most: 3 });
  const all = sockets(6);
  handshakes.begin(all[0]);
  handshakes.end(all[0]);
  for (const socket of all.slice(1)) handshakes.begin(socket);
  assertEquals(all.map(({ closed }) => closed), [false, true, true, false, false, false]);
  for (const socket of all) handshakes.end(socket);
});

Deno.test("Handshakes closes one that takes too long", async () => {
  const handshakes = new Handshakes<{ destroy(): void }>({ longest: 0.01 });
  const closed = Promise.withResolvers<void>();
  handshakes.begin({ destroy: closed.resolve });
  await closed.promise;
});

Deno.test("quietly tells 20 refusals a minute, then how many there were more; other events always", () => {
  let now = 0;
  const told: FedEvent[] = [];
  const tell = quietly((event) => told.push(event), () => now);
  const refused: FedEvent = { type: "refused", peer: "10.0.0.1", code: "X" };
  for (let i = 0; i < 1000; i++) tell(refused);
  tell({ type: "closing", rounds: 3 });
  assertEquals(told.length, 21);
  now = 61;
  tell(refused);
  assertEquals(told.slice(21), [
    { type: "warning", text: "980 more connections were refused before" },
    refused,
  ]);
});
