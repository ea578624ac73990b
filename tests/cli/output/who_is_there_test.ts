import { assertEquals, assertStringIncludes } from "@std/assert";
import { HubLine } from "../../../src/cli/output/hub_line.ts";
import { WhoIsThere } from "../../../src/cli/output/who_is_there.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { startVector, TINY } from "../../testing/fake_trainer.ts";
import { proposalOf } from "../../testing/fake_federation.ts";
import { registration } from "../../testing/open_round.ts";

const start = (changes = {}): FedEvent[] => [
  { type: "proposal", proposal: proposalOf(startVector(TINY), changes) },
  { type: "waiting", joined: [], declined: {}, seconds: 3600 },
];
const joined = (silo: string): FedEvent => ({ type: "joined", silo, registration: registration(silo) });
const opened = (silo: string): FedEvent => ({ type: "session", silo, open: true });
const closed = (silo: string, ago = 0): FedEvent => ({ type: "session", silo, open: false, ago });

/** A hub's silos, told events at second 0, and what its line says later. */
function told(...events: FedEvent[]) {
  const silos = new WhoIsThere();
  const take = (event: FedEvent, now = 0) => silos.take(event, now);
  const news = events.map((event) => take(event));
  return { silos, take, news, at: (now: number) => silos.line(now) };
}

Deno.test("while silos are waited for: who joined, who is missing and was seen when, and how long it lasts", () => {
  const { take, at } = told(...start(), opened("a"), joined("a"), opened("b"));
  assertEquals(at(0), "1 of 3 joined, waiting for b (connected), c; 60 min left");
  take(closed("b"), 100);
  assertEquals(at(120), "1 of 3 joined, waiting for b (last seen 20 s ago), c; 58 min left");
  take(opened("c"), 130);
  take(closed("c", 60), 190);
  assertEquals(
    at(190),
    "1 of 3 joined, waiting for b (last seen 90 s ago), c (last seen 60 s ago); 57 min left".replace(
      "90 s",
      "2 min",
    ).replace("60 s", "1 min"),
  );
  take({ type: "lost", silo: "a", round: 0, reason: "silent for 60 s" }, 200);
  assertEquals(
    at(3590),
    "1 of 3 joined (a gone), waiting for b (last seen 58 min ago), c (last seen 58 min ago); 10 s left",
  );
  assertEquals(at(4000)?.split("; ")[1], "0 s left");
});

Deno.test("who declined or was refused is named with the reason, in the hub's words, until it joins", () => {
  const { take, at } = told(...start(), joined("a"));
  assertEquals(take({ type: "declined", silo: "b", code: "too_few_images" }), true);
  take({ type: "refused", peer: "c", code: "same_shard", expected: "x", got: "y" });
  take({ type: "refused", peer: "10.0.0.1", code: "ECONNRESET" });
  const waits = "waiting for b (declined: too few films), c (refused: same shard); 60 min left";
  assertEquals(at(0), `1 of 3 joined, ${waits}`);
  assertEquals(take({ type: "declined", silo: "b", code: "too_few_images" }), false, "no news");
  assertEquals(take(joined("b")), true);
  assertEquals(at(0), "2 of 3 joined, waiting for c (refused: same shard); 60 min left");
  const again = told(start()[0], {
    type: "waiting",
    joined: ["a"],
    declined: { b: "other_size" },
    seconds: 60,
  });
  assertStringIncludes(again.at(0)!, "waiting for b (declined: its films were prepared in another size), c;");
});

Deno.test("where too few can join as things stand, it is said once with what to do; one that joins ends it", () => {
  const lines: string[] = [];
  const ticking = () => ({ now() {}, [Symbol.dispose]() {} });
  using line = new HubLine({ line: (text) => lines.push(text), ticking }, () => 0);
  const declined = (silo: string): FedEvent => ({ type: "declined", silo, code: "other_size" });
  for (const event of [...start({ quorum: 2 }), declined("b"), joined("a")]) line.take(event);
  assertEquals(lines, []);
  line.take(declined("c"));
  line.take(opened("c"));
  assertEquals(lines.length, 1);
  assertStringIncludes(
    lines[0],
    "warning: too few can join as things stand: the run needs 2 of 3, and b, c stay away. It waits for",
  );
  assertStringIncludes(lines[0], "start `fedx train` again");
  assertStringIncludes(lines[0], "--new");
  line.take(joined("c"));
  assertEquals(lines.length, 1);
  line.take(declined("c"));
  assertEquals(lines.length, 2, "one that had joined has left");
});

Deno.test("with a quorum there, the end of the waiting is the beginning of the run", () => {
  const { at } = told(...start({ quorum: 2 }), joined("a"), joined("b"));
  assertEquals(at(60), "2 of 3 joined, waiting for c; the run begins without in 59 min");
});

Deno.test("of many silos that are waited for a dozen are named", () => {
  const silos = Array.from({ length: 40 }, (_, i) => `s${i}`);
  assertEquals(
    told(...start({ silos, quorum: 40 })).at(0),
    `0 of 40 joined, waiting for ${silos.slice(0, 12).join(", ")} and 28 more; 60 min left`,
  );
});

Deno.test("in a round: which of how many, about how long the run still takes, and where every silo stands", () => {
  const course = { rounds: 10, budget: null, usual: 40, elapsed: 40, open: 0 };
  const row = { round: 2, roster: ["a", "b", "c"] };
  const progress = { type: "progress", round: 2, step: 0, steps: 9 } as const;
  const { take, at } = told(...start(), ...["a", "b", "c"].flatMap((silo) => [opened(silo), joined(silo)]));
  for (
    const event of [
      { type: "row", row, course },
      { ...progress, silo: "a", phase: "uploading" },
      { type: "update_counted", silo: "a", round: 2, sha256: "", examples: 9 },
      { ...progress, silo: "a", phase: "waiting" },
      { ...progress, silo: "b", phase: "training", step: 4 },
      closed("c"),
    ] as FedEvent[]
  ) take(event, 100);
  assertEquals(at(110), "round 2 of 10, about 6 min left: a counted, b training 4/9, c last seen 10 s ago");
  take({ type: "lost", silo: "c", round: 2, reason: "" }, 160);
  take({ type: "late", silo: "b", round: 2, state: "training", step: 4, steps: 9 }, 160);
  assertEquals(at(160), "round 2 of 10, about 5 min left: a counted, b late, c gone");
  take({ type: "returned", silo: "c", round: 2 }, 170);
  take(opened("c"), 170);
  assertEquals(at(170), "round 2 of 10, about 5 min left: a counted, b late, c waiting");
  take({ type: "no_step", silo: "c", round: 2 }, 170);
  assertEquals(at(170), "round 2 of 10, about 5 min left: a counted, b late, c counted");
  take({ type: "ready", silo: "b", round: 2 }, 170);
  take({ ...progress, silo: "b", phase: "waiting" }, 171);
  assertEquals(at(171), "round 2 of 10, about 5 min left: a counted, b ready, c counted");
  take({ type: "closing", rounds: 10 }, 500);
  assertEquals(at(500), "closing: a waiting, b waiting, c waiting");
  take({ type: "finished", rounds: 10, sha256: "" }, 510);
  assertEquals(at(510), null);
});

Deno.test("a restarted hub does not say of a silo that it is at work before it has heard it", () => {
  const course = { rounds: null, budget: 1200, usual: null, elapsed: 0, open: 0 };
  const { take, at } = told({ type: "row", row: { round: 1, roster: ["a", "b"] }, course } as FedEvent);
  take(opened("a"));
  assertEquals(at(60), "round 1, about 19 min left: a waiting, b not seen yet");
});

Deno.test("HubLine: news is shown at once, all else with the next tick; a round's own line has said it", () => {
  const shown: string[] = [];
  let running = 0;
  const ticking = (text: () => string, { said }: { said?: boolean } = {}) => {
    running++;
    shown.push(`${said ? "later" : "now"}: ${text()}`);
    return { now: () => void shown.push(`now: ${text()}`), [Symbol.dispose]: () => void running-- };
  };
  const line = new HubLine({ line: () => {}, ticking }, () => 0);
  const course = { rounds: 1, budget: null, usual: null, elapsed: 0, open: 0 };
  for (const event of [...start({ silos: ["a", "b"], quorum: 2 }), opened("a"), joined("a"), joined("a")]) {
    line.take(event);
  }
  assertEquals(running, 1);
  assertEquals(shown, [
    "now: 0 of 2 joined, waiting for a, b; 60 min left",
    "now: 1 of 2 joined, waiting for b; 60 min left",
  ]);
  line.take({ type: "finished", rounds: 1, sha256: "" });
  assertEquals(running, 0);
  line.take({ type: "row", row: { round: 1, roster: ["a"] }, course } as FedEvent);
  assertEquals(shown.at(-1), "later: round 1 of 1: a waiting");
  line[Symbol.dispose]();
  assertEquals(running, 0);
});
