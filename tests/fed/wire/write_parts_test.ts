import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import type { Http2Stream } from "node:http2";
import { writeParts } from "../../../src/fed/wire/write_parts.ts";

/** A stream that takes a part when a test says so. */
class SlowStream extends EventEmitter {
  destroyed = false;
  ended = false;
  readonly written: number[] = [];
  readonly taken: (() => void)[] = [];
  write(part: Uint8Array, taken: () => void) {
    this.written.push(part.length);
    this.taken.push(taken);
  }
  end() {
    this.ended = true;
  }
  close() {
    this.destroyed = true;
    this.emit("close");
  }
}

const PARTS = [24, 1 << 20, 24, 1 << 20].map((length) => new Uint8Array(length));
const settle = () => new Promise((resolve) => setTimeout(resolve));
const writing = (stream: SlowStream) => writeParts(stream as unknown as Http2Stream, PARTS);

Deno.test("writeParts: a part waits until the one before is taken, a frame's header for nothing", async () => {
  const stream = new SlowStream();
  const end = writing(stream);
  await settle();
  assertEquals(stream.written, [24, 1 << 20]);
  stream.taken[1]();
  await settle();
  assertEquals([stream.written.length, stream.ended], [4, false]);
  stream.taken[3]();
  await end;
  assertEquals(stream.ended, true);
});

Deno.test("writeParts: a stream that breaks ends it", async () => {
  const stream = new SlowStream();
  const end = writing(stream);
  await settle();
  stream.close();
  await end;
  assertEquals([stream.written.length, stream.ended], [2, false]);
});
