import { assertEquals } from "@std/assert";
import { countSent, freeVector } from "../../../src/fed/wire/garbage.ts";

/** A weak reference is kept alive until the turn of the event loop that made it is over. */
const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("countSent frees what nobody holds once 64 MiB were sent", async () => {
  const dropped = new WeakRef({});
  await nextTurn();
  for (let k = 0; k < 64; k++) countSent(1 << 20);
  await nextTurn();
  assertEquals(dropped.deref(), undefined);
});

Deno.test("freeVector frees a vector at once", () => {
  const vector = new Float32Array(1 << 20);
  freeVector(vector);
  assertEquals(vector.length, 0);
});
