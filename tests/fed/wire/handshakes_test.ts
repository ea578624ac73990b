import { assertEquals } from "@std/assert";
import { Handshakes, type Stranger } from "../../../src/fed/wire/handshakes.ts";

function sockets(count: number) {
  return Array.from({ length: count }, () => ({
    closed: false,
    destroy() {
      this.closed = true;
    },
  }));
}

Deno.test("Handshakes closes the oldest unfinished one where there are too many, and no finished one", () => {
  let now = 0;
  const handshakes = new Handshakes<ReturnType<typeof sockets>[0]>({ most: 3, now: () => now++ });
  const all = sockets(6);
  handshakes.begin(all[0]);
  handshakes.end(all[0]);
  for (const socket of all.slice(1)) handshakes.begin(socket);
  assertEquals(all.map(({ closed }) => closed), [false, true, true, false, false, false]);
  for (const socket of all) handshakes.end(socket);
});

/** Four unfinished handshakes at a time, one more every `pace` seconds; `gone` names those that were closed. */
function crowd(pace: number) {
  let now = 0;
  const handshakes = new Handshakes({ most: 4, now: () => now });
  const gone: string[] = [], open = new Set<Stranger>();
  const begin = (name: string, remoteAddress: string, bytesRead: number) => {
    now += pace;
    const socket = { remoteAddress, bytesRead, destroy: () => void gone.push(name) };
    open.add(socket);
    handshakes.begin(socket);
  };
  return { begin, gone, [Symbol.dispose]: () => open.forEach((socket) => handshakes.end(socket)) };
}

Deno.test("Handshakes: a flood from one address pushes out its own connections, not another address's", () => {
  for (const pace of [0.001, 0.03, 1]) {
    using standing = crowd(pace);
    standing.begin("honest", "198.51.100.7", 0);
    for (let k = 0; k < 100; k++) standing.begin(`flood ${k}`, "192.0.2.1", 500);
    standing.begin("honest too", "198.51.100.8", 0);
    assertEquals([standing.gone.length, standing.gone.filter((name) => name.startsWith("honest"))], [98, []]);
  }
});

Deno.test("Handshakes: of one address, those that have said next to nothing go before one that has spoken", () => {
  using standing = crowd(0.02);
  standing.begin("honest", "192.0.2.1", 231);
  for (let k = 0; k < 100; k++) standing.begin(`flood ${k}`, "192.0.2.1", k % 12);
  assertEquals([standing.gone.length, standing.gone.includes("honest")], [97, false]);
});

Deno.test("Handshakes: of one address that has spoken, each has its 0.4 s however fast others come, and then goes", () => {
  using standing = crowd(0.001);
  for (let k = 0; k < 3; k++) standing.begin(`flood ${k}`, "192.0.2.1", 500);
  standing.begin("honest", "192.0.2.1", 231);
  const first = () => standing.gone.find((name) => !name.startsWith("late"));
  for (let k = 0; k < 390; k++) standing.begin(`late ${k}`, "192.0.2.1", 500);
  assertEquals([standing.gone.length, first()], [390, undefined]);
  for (let k = 390; k < 403; k++) standing.begin(`late ${k}`, "192.0.2.1", 500);
  assertEquals(first(), "flood 0");
  for (let k = 403; k < 500; k++) standing.begin(`late ${k}`, "192.0.2.1", 500);
  assertEquals(standing.gone.filter((name) => !name.startsWith("late")), [
    "flood 0",
    "flood 1",
    "flood 2",
    "honest",
  ]);
});

Deno.test("Handshakes closes one that takes too long, and says why", async () => {
  const handshakes = new Handshakes({ longest: 0.01 });
  const closed = Promise.withResolvers<Error>();
  handshakes.begin({ destroy: closed.resolve });
  assertEquals((await closed.promise).message, "no handshake within 0.01 s");
});

Deno.test("Handshakes.closeAll closes each that is unfinished", () => {
  const handshakes = new Handshakes<ReturnType<typeof sockets>[0]>();
  const all = sockets(3);
  for (const socket of all) handshakes.begin(socket);
  handshakes.end(all[1]);
  handshakes.closeAll();
  assertEquals(all.map(({ closed }) => closed), [true, false, true]);
});
