import { assertEquals } from "@std/assert";
import { describePasses, passesOf, wholePasses } from "../../../../src/cli/commands/demo/passes.ts";
import type { FedEvent } from "../../../../src/fed/protocol/event.ts";

const row = (round: number, from: number, to: number) => ({
  type: "row",
  row: { round, silos: { a: { from, to } } },
});
const counted = (round: number) => ({ type: "update_counted", round, silo: "a" });
const committed = (round: number) => ({ type: "committed", round });

Deno.test("passesOf counts rounds that were finished with the hospital's update, and no others", () => {
  const events = [
    ...[row(1, 0, 0.4), counted(1), committed(1)],
    ...[row(2, 0.4, 1.4), committed(2)], // closed without a
    ...[row(3, 0.4, 1.4), counted(3), committed(3)],
    ...[row(4, 1.4, 2.4), counted(4)], // abandoned
  ];
  assertEquals(passesOf(events as unknown as FedEvent[]), { a: 1.4 });
  const short = [
    ...events.slice(0, 3),
    row(2, 0.4, 0.5),
    { type: "no_step", round: 2, silo: "a" },
    committed(2),
  ];
  assertEquals(passesOf(short as unknown as FedEvent[]), { a: 0.5 });
});

Deno.test("wholePasses rounds to at least one pass, and describePasses names hospitals only where they differ", () => {
  const federated = { a: 0.2, b: 2.46 };
  const alone = wholePasses(federated);
  assertEquals(alone, { a: 1, b: 2 });
  assertEquals(describePasses({ federated, alone }), "a 0.2, b 2.5 in the federation, a 1, b 2 alone");
  const same = { federated: { a: 7.61, b: 7.64 }, alone: { a: 8, b: 8 } };
  assertEquals(describePasses(same), "7.6 in the federation, 8 alone");
});
