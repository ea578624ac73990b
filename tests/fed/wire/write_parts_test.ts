import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import type { Http2Stream } from "node:http2";
import { writeParts } from "../../../src/fed/wire/write_parts.ts";

const KIB = 1024;

/** A stream that takes a piece when a test says so. */
class SlowStream extends EventEmitter {
  destroyed = false;
  ended = false;
  readonly written: number[] = [];
  readonly #taken: (() => void)[] = [];
  write(piece: Uint8Array, taken: () => void) {
    this.written.push(...piece);
    this.#taken.push(taken);
  }
  end() {
    this.ended = true;
  }
  close() {
    this.destroyed = true;
    this.emit("close");
  }
  /** Takes what was written; returns its size so far. */
  async take(): Promise<number> {
    for (const taken of this.#taken.splice(0)) taken();
    await new Promise((resolve) => setTimeout(resolve));
    return this.written.length;
  }
}

const PARTS = [24, 96 * KIB, 24, 64 * KIB].map((length, k) => new Uint8Array(length).fill(k + 1));
const writing = (stream: SlowStream) => writeParts(stream as unknown as Http2Stream, PARTS);

Deno.test("writeParts: a piece of 64 KiB waits until the one before is taken, a frame's header for nothing", async () => {
  const stream = new SlowStream();
  const end = writing(stream);
  assertEquals(await Promise.all([0, 0].map(() => stream.written.length)), [24 + 64 * KIB, 24 + 64 * KIB]);
  assertEquals(await stream.take(), 24 + 96 * KIB);
  assertEquals([await stream.take(), stream.ended], [48 + 160 * KIB, false]);
  await stream.take();
  await end;
  assertEquals(stream.ended, true);
  assertEquals(Uint8Array.from(stream.written), Uint8Array.from(PARTS.flatMap((part) => [...part])));
});

Deno.test("writeParts: a stream that breaks ends it", async () => {
  const stream = new SlowStream();
  const end = writing(stream);
  stream.close();
  await end;
  assertEquals([stream.written.length, stream.ended], [24 + 64 * KIB, false]);
});
