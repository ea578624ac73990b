import { assertEquals } from "@std/assert";
import { countSent } from "../../../src/fed/wire/garbage.ts";

/** A weak reference is kept alive until the turn of the event loop that made it is over. */
const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("countSent frees what nobody holds once 128 MiB were sent", async () => {
  const dropped = new WeakRef({});
  await nextTurn();
  for (let k = 0; k < 128; k++) countSent(1 << 20);
  await nextTurn();
  assertEquals(dropped.deref(), undefined);
});
