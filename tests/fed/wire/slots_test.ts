import { assertEquals } from "@std/assert";
import { Slots } from "../../../src/fed/wire/slots.ts";

const holds = () => true;

Deno.test("Slots: four at once, a silo keeps its own, a freed one goes to the next", () => {
  const slots = new Slots();
  const take = (silo: string) => slots.take(silo, { now: 0, holds });
  assertEquals(["a", "b", "c", "d", "e", "a"].map(take), [true, true, true, true, false, true]);
  slots.free("b");
  assertEquals(["e", "b"].map(take), [true, false]);
});

Deno.test("Slots: one is free after 60 s without a frame, or when its silo has left", () => {
  const slots = new Slots();
  for (const silo of ["a", "b", "c", "d"]) slots.take(silo, { now: 0, holds });
  slots.hear("a", 30);
  assertEquals(slots.take("e", { now: 60, holds }), false);
  assertEquals(["e", "f", "g", "h"].map((silo) => slots.take(silo, { now: 61, holds })), [
    true,
    true,
    true,
    false,
  ]);
  assertEquals(slots.take("h", { now: 61, holds: (silo) => silo !== "a" }), true);
});
