import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import { rangeLimit, sendRange } from "../../../src/fed/wire/ranges.ts";
import { inFolder } from "../../testing/folder.ts";

const MIB = 1 << 20;

/** A stream that keeps what it is answered with and closes when a test says so. */
class FakeStream extends EventEmitter {
  destroyed = false;
  sent: number[] | null = null;
  readonly #answered = Promise.withResolvers<void>();
  /** Settles once it is answered. */
  readonly answered = this.#answered.promise;
  constructor(readonly session: object) {
    super();
  }
  respond() {}
  write(bytes: Uint8Array, taken: () => void) {
    this.sent = [...this.sent ?? [], ...bytes];
    taken();
  }
  end() {
    this.#answered.resolve();
  }
  close() {
    this.destroyed = true;
    this.emit("close");
  }
}

/** Time in which what must not happen would. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

Deno.test("rangeLimit: 8 MiB for up to four silos, never above 32 MiB together for up to 32, never below 1 MiB", () => {
  assertEquals([0, 1, 4, 5, 8, 30, 100].map((silos) => rangeLimit(silos) / MIB), [8, 8, 8, 6, 4, 1, 1]);
  for (let silos = 1; silos <= 32; silos++) assertEquals(silos * rangeLimit(silos) <= 32 * MIB, true);
});

Deno.test("sendRange: one range at a time per connection, others do not wait, a stream that left is passed over", () =>
  inFolder(async (dir) => {
    const path = `${dir}/model`;
    await Deno.writeFile(path, Uint8Array.of(1, 2, 3, 4, 5, 6));
    const send = (stream: FakeStream, first: number, length: number) => {
      const file = { path, first, length, total: 6, sha256: "x" };
      return sendRange(stream as unknown as ServerHttp2Stream, { status: 206, file });
    };
    const session = {};
    const [one, two, gone, three] = [1, 2, 3, 4].map(() => new FakeStream(session));
    const other = new FakeStream({});
    const sending = [
      send(one, 0, 2),
      send(two, 2, 2),
      send(gone, 0, 6),
      send(three, 4, 2),
      send(other, 1, 3),
    ];
    await Promise.all([one.answered, other.answered]);
    await settle();
    assertEquals([one, two, three, other].map(({ sent }) => sent), [[1, 2], null, null, [2, 3, 4]]);
    gone.close();
    one.close();
    await two.answered;
    await settle();
    assertEquals([two.sent, three.sent], [[3, 4], null]);
    two.close();
    await Promise.all(sending);
    assertEquals([gone.sent, three.sent], [null, [5, 6]]);
  }));

Deno.test("sendRange: a range whose stream closes while it is read is not sent, and none is read meanwhile", () =>
  inFolder(async (dir) => {
    const path = `${dir}/model`;
    await Deno.writeFile(path, Uint8Array.of(1, 2, 3, 4));
    const session = {};
    const [one, two] = [new FakeStream(session), new FakeStream(session)];
    const send = (stream: FakeStream, first: number) => {
      const file = { path, first, length: 2, total: 4, sha256: "x" };
      return sendRange(stream as unknown as ServerHttp2Stream, { status: 206, file });
    };
    const { open } = Deno;
    const slow = Promise.withResolvers<void>();
    Deno.open = async (...args) => {
      Deno.open = open;
      await slow.promise;
      return await open(...args);
    };
    const sending = [send(one, 0), send(two, 2)];
    await settle();
    one.close();
    await settle();
    assertEquals(two.sent, null);
    slow.resolve();
    await Promise.all(sending);
    assertEquals([one.sent, two.sent], [null, [3, 4]]);
  }));
