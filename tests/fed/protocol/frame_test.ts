import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { encodeFrames, FRAME_HEADER, FRAME_PAYLOAD, FrameReader } from "../../../src/fed/protocol/frame.ts";

function concat(parts: Iterable<Uint8Array>): Uint8Array {
  const all = [...parts];
  const out = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Reads everything in chunks of the given sizes, the rest in one. */
function readAll(
  wire: Uint8Array,
  start: { total: number; offset: number },
  sizes: number[] = [],
): Uint8Array {
  const reader = new FrameReader(start);
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const size of [...sizes, wire.length]) {
    for (const { payload } of reader.push(wire.subarray(at, at + size))) parts.push(payload.slice());
    at += size;
    if (at >= wire.length) break;
  }
  reader.end();
  return concat(parts);
}

Deno.test("encodeFrames: the header's bytes are as specified", () => {
  const [header, payload] = encodeFrames(new TextEncoder().encode("123456789"), { offset: 0x0102030405 });
  // CRC-32 of "123456789" is the check value 0xcbf43926.
  assertEquals(header.toHex(), "46445831" + "0100" + "0000" + "0504030201000000" + "09000000" + "2639f4cb");
  assertEquals(new TextDecoder().decode(payload), "123456789");
});

Deno.test("encodeFrames: payloads are views, at most 1 MiB each", () => {
  const bytes = new Uint8Array(FRAME_PAYLOAD * 2 + 5);
  const parts = [...encodeFrames(bytes, { offset: 0 })];
  assertEquals(parts.map((p) => p.length), [24, FRAME_PAYLOAD, 24, FRAME_PAYLOAD, 24, 5]);
  assert(parts[1].buffer === bytes.buffer);
  assertThrows(() => [...encodeFrames(bytes, { offset: -1 })], RangeError);
  assertThrows(() => [...encodeFrames(bytes, { offset: 0, payload: FRAME_PAYLOAD + 1 })], RangeError);
});

const stretch = fc.record({
  bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  before: fc.nat(1000),
  after: fc.nat(3),
  payload: fc.integer({ min: 1, max: 80 }),
});

Deno.test("FrameReader: decodes equal for any chunking", () => {
  fc.assert(fc.property(stretch, fc.array(fc.integer({ min: 1, max: 50 })), (s, sizes) => {
    const wire = concat(encodeFrames(s.bytes, { offset: s.before, payload: s.payload }));
    const total = s.before + s.bytes.length + s.after;
    assertEquals(readAll(wire, { total, offset: s.before }, sizes), s.bytes);
  }));
});

Deno.test("FrameReader: any flipped bit is refused with what was expected and what came", () => {
  fc.assert(fc.property(stretch, fc.nat(), fc.array(fc.integer({ min: 1, max: 50 })), (s, where, sizes) => {
    const wire = concat(encodeFrames(s.bytes, { offset: s.before, payload: s.payload }));
    const bit = where % (wire.length * 8);
    wire[bit >> 3] ^= 1 << (bit & 7);
    const start = { total: s.before + s.bytes.length, offset: s.before };
    const error = assertThrows(() => readAll(wire, start, sizes), ProtocolError);
    assert(["bad_frame", "wrong_offset"].includes(error.code));
    assertStringIncludes(error.message, "expected");
  }));
});

Deno.test("FrameReader: a truncated body is refused unless it ends between frames", () => {
  fc.assert(fc.property(stretch, fc.nat(), (s, where) => {
    const wire = concat(encodeFrames(s.bytes, { offset: s.before, payload: s.payload }));
    const cut = where % wire.length;
    const start = { total: s.before + s.bytes.length, offset: s.before };
    if (cut % (FRAME_HEADER + s.payload) === 0) {
      const whole = cut / (FRAME_HEADER + s.payload) * s.payload;
      assertEquals(readAll(wire.subarray(0, cut), start), s.bytes.subarray(0, whole));
    } else {
      assertThrows(() => readAll(wire.subarray(0, cut), start), ProtocolError, "whole frames");
    }
  }));
});

Deno.test("FrameReader: random bytes never decode", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (noise) => {
    assertThrows(() => readAll(noise, { total: 1e6, offset: 0 }), ProtocolError);
  }));
});

Deno.test("FrameReader: a length beyond the announced total or 1 MiB is refused before allocation", () => {
  const [header] = encodeFrames(new Uint8Array(8), { offset: 0 });
  const view = new DataView(header.buffer);
  assertThrows(() => readAll(header, { total: 7, offset: 0 }), ProtocolError, "1 … 7");
  for (const length of [0, FRAME_PAYLOAD + 1, 0xffffffff]) {
    view.setUint32(16, length, true);
    const error = assertThrows(() => readAll(header, { total: 2 ** 33, offset: 0 }), ProtocolError);
    assertStringIncludes(error.message, `1 … ${FRAME_PAYLOAD}, got ${length}`);
  }
});

Deno.test("FrameReader: frames out of order, repeated or after the end are refused; a broken reader stays broken", () => {
  const bytes = new Uint8Array([1, 2, 3, 4]);
  const wire = concat(encodeFrames(bytes, { offset: 0, payload: 2 }));
  const first = wire.subarray(0, 26), second = wire.subarray(26);
  const start = { total: 4, offset: 0 };
  assertEquals(assertThrows(() => readAll(second, start), ProtocolError).code, "wrong_offset");
  assertEquals(
    assertThrows(() => readAll(concat([first, first]), start), ProtocolError).code,
    "wrong_offset",
  );
  const extra = concat([wire, ...encodeFrames(bytes, { offset: 4 })]);
  assertThrows(() => readAll(extra, start), ProtocolError, "no more frames");
  const reader = new FrameReader(start);
  assertThrows(() => [...reader.push(second)], ProtocolError);
  assertThrows(() => [...reader.push(first)], ProtocolError, "a new reader");
  assertEquals(reader.offset, 0);
});

Deno.test("FrameReader: offset and done follow what was handed out", () => {
  const reader = new FrameReader({ total: 6, offset: 2 });
  const wire = concat(encodeFrames(new Uint8Array(4), { offset: 2, payload: 3 }));
  assertEquals([...reader.push(wire.subarray(0, 30))].map((f) => [f.offset, f.payload.length]), [[2, 3]]);
  assertEquals([reader.offset, reader.done], [5, false]);
  assertEquals([...reader.push(wire.subarray(30))].length, 1);
  assertEquals([reader.offset, reader.done], [6, true]);
});
