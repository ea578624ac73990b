import { assertEquals } from "@std/assert";
import { freeMemory } from "../../src/files/free_memory.ts";

Deno.test("freeMemory: the array and every view of its buffer are empty at once", () => {
  const vector = new Float32Array(1 << 20);
  const bytes = new Uint8Array(vector.buffer, 4, 8);
  freeMemory(vector);
  assertEquals([vector.length, bytes.length], [0, 0]);
});
