import { assertEquals } from "@std/assert";
import type { LoggedEvent } from "../../../../src/cli/output/event_log.ts";
import { type Seen, statusOf } from "../../../../src/cli/output/status/status.ts";
import { statusText } from "../../../../src/cli/output/status/text.ts";
import type { FedEvent, RowCourse } from "../../../../src/fed/protocol/event.ts";
import { proposalOf } from "../../../testing/fake_federation.ts";
import { registration } from "../../../testing/open_round.ts";

const BEGIN = Date.parse("2026-10-05T12:00:00Z") / 1000;

/** Events, each so many seconds after the first. */
function log(...events: [seconds: number, event: unknown][]): LoggedEvent[] {
  return events.map(([seconds, event]) => {
    const time = new Date((BEGIN + seconds) * 1000).toISOString();
    return { time, ...event as FedEvent };
  });
}

const HUB: Seen = { role: "aggregator", running: true, result: null };
const proposal = proposalOf(new Float32Array(1), { rounds: 10 });
const row = (round: number, course: Partial<RowCourse> = {}) => {
  const told = { rounds: 10, budget: null, usual: null, elapsed: 0, open: 0, ...course };
  return { type: "row", row: { round, roster: ["a", "b", "c"] }, course: told };
};
const joined = (silo: string) => ({ type: "joined", silo, registration: registration(silo) });
const began: [number, unknown][] = [
  [0, { type: "certificate", name: "aggregator", fingerprint: "", expires: "" }],
  [0, { type: "listening", host: "0.0.0.0", port: 8443, run: "r" }],
  [0, { type: "proposal", proposal }],
  [0, { type: "waiting", joined: [], declined: {}, seconds: 3600 }],
];
const rounds: [number, unknown][] = [
  ...began,
  [10, joined("a")],
  [20, joined("b")],
  [30, joined("c")],
  [60, row(1)],
  [120, { type: "committed", round: 1, sha256: "0".repeat(64), seconds: 60 }],
  [121, row(2, { usual: 60, elapsed: 61 })],
  [131, { type: "update_counted", silo: "a", round: 2, sha256: "", examples: 32 }],
  [140, { type: "progress", silo: "b", round: 2, phase: "training", step: 3, steps: 40 }],
  [141, { type: "lost", silo: "c", round: 2, reason: "silent for 60 s" }],
];

/** What is printed so many seconds after the first event. */
function text(seconds: number, events: [number, unknown][], seen: Partial<Seen> = {}): string[] {
  const now = BEGIN + seconds;
  return statusText(statusOf(log(...events), { ...HUB, ...seen }, now), now).split("\n");
}

Deno.test("statusText: an aggregator that waits names who has joined and who has not, with what it has heard", () => {
  const declined = { type: "declined", silo: "b", code: "too_few_images" };
  assertEquals(text(70, [...began, [10, joined("a")], [40, declined]]), [
    "aggregator: 1 of 3 joined, waiting for b (declined: too few films), c; 59 min",
    "            left",
    "last words: listening on 0.0.0.0:8443 (run r) (1 min ago)",
    "  a  1 min ago  joined: 96 training images, cpu, 1 thread",
    "  b  30 s ago   declined: too few films",
    "  c             not heard of",
  ]);
});

Deno.test("statusText: a round that is open, of how many, the time left and each hospital's last words", () => {
  assertEquals(text(151, rounds), [
    "aggregator: round 2 of 10, about 9 min left",
    "last words: round 2 opened for a, b, c (30 s ago)",
    "  a  20 s ago  counted in round 2 (32 examples)",
    "  b  11 s ago  training 3/40",
    "  c  10 s ago  gone in round 2: silent for 60 s",
  ]);
});

Deno.test("statusText: a run without a process is ended, says when and where, and that it goes on; no time is left", () => {
  const gone = text(751, rounds, { running: false });
  assertEquals(gone[0], "aggregator: ended 10 min ago, round 2 of 10; the same command goes on from there");
  const failed: [number, unknown] = [150, { type: "failed", message: "Cannot write: the disk is full" }];
  assertEquals(text(751, [...rounds, failed], { running: false }).slice(0, 2), [
    "aggregator: ended 10 min ago, round 2 of 10",
    "last words: failed: Cannot write: the disk is full (10 min ago)",
  ]);
  assertEquals(
    text(151, [...rounds, [150, { type: "stopped" }]], { running: false })[1],
    "last words: stopped by a signal (1 s ago)",
  );
});

Deno.test("statusOf: finished is what the state says, whatever the log lacks, with the time where the state has one", () => {
  const finished = "2026-10-05T13:00:00.000Z";
  assertEquals(
    text(151, rounds, { running: false, result: { finished } })[0],
    "aggregator: finished at 2026-10-05 13:00:00 UTC",
  );
  assertEquals(text(151, [], { running: false, result: {} }), ["aggregator: finished"]);
  const { state, phase, seconds_left } = statusOf(
    log(...rounds),
    { ...HUB, result: { finished } },
    BEGIN + 151,
  );
  assertEquals([state, phase, seconds_left], ["finished", "finished", null]);
});

Deno.test("statusOf: a silo's rounds are its turns, its last words its own, and it knows of no other hospital", () => {
  const pulled = (round: number) => ({ type: "pulled", round, bytes: 1 });
  const events = log(
    [0, { type: "proposal", proposal }],
    [60, pulled(1)],
    [120, { type: "uploaded", silo: "b", round: 1, bytes: 1 }],
    [160, pulled(2)],
    [170, { type: "training", round: 2, firstStep: 4, steps: 40 }],
    [180, { type: "step", round: 2, k: 12, K: 40, loss: 0.5 }],
  );
  const seen = { role: "silo b", running: true, result: null };
  assertEquals(statusOf(events, seen, BEGIN + 190), {
    role: "silo b",
    state: "running",
    phase: "round",
    round: 2,
    rounds: 10,
    seconds_left: 870,
    waiting: null,
    finished: null,
    heard: "2026-10-05T12:03:00.000Z",
    last: { at: "2026-10-05T12:03:00.000Z", text: "round 2: step 12 of 40" },
    silos: [],
  });
  const training = (round: number, steps: number) => ({ type: "training", round, firstStep: 0, steps });
  const short: [number, unknown][] = [[0, { type: "proposal", proposal }], [60, pulled(1)], [
    61,
    training(1, 1),
  ]];
  assertEquals(text(105, [...short, [80, training(2, 0)], [100, training(3, 0)]], seen), [
    "silo b: round 3 of 10, about 3 min left",
    "last words: round 3: too short for a step on this hospital's films (5 s ago)",
  ]);
  assertEquals(
    text(1, [[0, { type: "proposal", proposal }]], seen)[0],
    "silo b: before the first round",
  );
  assertEquals(text(1, [], seen), ["silo b: starting"]);
});

Deno.test("statusText: a failure of another process on a state that runs or has finished is none of the role's", () => {
  const other: [number, unknown] = [150, { type: "failed", message: "Cannot open the state: …" }];
  const words = (seen: Partial<Seen>) => text(151, [...rounds, other], seen)[1];
  assertEquals(words({}), "last words: round 2 opened for a, b, c (30 s ago)");
  assertEquals(words({ result: {} }), "last words: round 2 opened for a, b, c (30 s ago)");
  assertEquals(words({ running: false }), "last words: failed: Cannot open the state: … (1 s ago)");
});

Deno.test("statusText: a hospital that has only connected was heard of, when it did so last", () => {
  const session = (open: boolean) => ({ type: "session", silo: "b", open, ago: 0 });
  const events: [number, unknown][] = [...began, [5, joined("a")], [10, session(true)], [40, session(false)]];
  assertEquals(text(30, events).slice(-3), [
    "  a  25 s ago  joined: 96 training images, cpu, 1 thread",
    "  b  20 s ago  connected",
    "  c            not heard of",
  ]);
});

Deno.test("statusText: with a budget alone the time left is the budget's", () => {
  const budget = { type: "proposal", proposal: { ...proposal, rounds: null, budget: 1200 } };
  assertEquals(
    text(360, [[0, budget], [60, row(1, { rounds: null, budget: 1200 })]])[0],
    "aggregator: round 1, about 15 min left",
  );
});

Deno.test("statusText: no line is wider than 80 columns; what is longer goes on under its first word", () => {
  const refused = {
    type: "refused",
    peer: "b",
    code: "other_data",
    expected: "x ".repeat(40).trim(),
    got: "y",
  };
  const lines = text(70, [...began, [40, refused]]);
  assertEquals(lines.filter((line) => line.length > 80), []);
  assertEquals(
    lines.slice(lines.findIndex((line) => line.startsWith("  b"))).slice(0, 2).map((line) =>
      line.slice(0, 34)
    ),
    [
      "  b  30 s ago  refused: expected x",
      "               x x x x x x x x x x",
    ],
  );
});
