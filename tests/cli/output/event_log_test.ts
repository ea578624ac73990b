import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, EventLog } from "../../../src/cli/output/event_log.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { readEvents } from "../../../src/cli/output/history.ts";
import type { RoundSettings } from "../../../src/fed/protocol/messages.ts";
import { Output } from "../../../src/cli/output/output.ts";
import { describe as proposes } from "../../../src/cli/commands/train.ts";
import { proposalOf } from "../../testing/fake_federation.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("describe says who declined, is late, gone, back, missing from a round, and waited for, and how far the run is", () => {
  const course = { rounds: 10, budget: null, usual: 40, elapsed: 40, open: 0 };
  const events: FedEvent[] = [
    { type: "declined", silo: "b", code: "too_few_images" },
    { type: "row", row: { round: 2, roster: ["a", "b"] } as RoundSettings, course },
    { type: "late", silo: "c", round: 2, state: "training", step: 3, steps: 40 },
    { type: "lost", silo: "c", round: 2, reason: "silent for 60 s" },
    { type: "returned", silo: "c", round: 4 },
    { type: "degraded", round: 2, missing: ["c"] },
    { type: "reopened", round: 3, missing: ["b", "c"], seconds: 3600 },
    { type: "no_step", silo: "c", round: 5 },
    { type: "training", round: 5, firstStep: 3, steps: 0 },
  ];
  assertEquals(events.map(describe), [
    "b declined: too few films",
    "round 2 of 10, about 6 min left: opens for a, b",
    "c is late in round 2: training 3/40; its update counts no more",
    "c gone in round 2: silent for 60 s",
    "c is back",
    "DEGRADED: round 2 closes without c",
    "round 3 is open again, below the quorum: waiting for b, c, at most 60 min",
    "c has no step in round 5",
    "round 5: too short for a step on this hospital's films",
  ]);
});

Deno.test("describe and the proposal's table count one of a thing in the singular", () => {
  const registration = { splits: { train: { images: 1 } }, device: "cpu", threads: 1 };
  const events = [
    { type: "joined", silo: "a", registration },
    { type: "training", round: 1, steps: 1 },
    { type: "update_counted", silo: "a", round: 1, examples: 1 },
    { type: "closing", rounds: 1 },
    { type: "tested", silo: "a", auroc: 0.5, images: 1 },
    { type: "comparing", images: 1 },
  ] as unknown as FedEvent[];
  assertEquals(events.map(describe), [
    "a joined: 1 training image, cpu, 1 thread",
    "round 1: 1 step",
    "a counted in round 1 (1 example)",
    "closing after 1 round",
    "a tested: AUROC 0.500 on 1 image",
    "the run is over; now the start model is scored on 1 test film, for comparison (nothing more is sent)",
  ]);
  assertMatch(
    proposes(proposalOf(new Float32Array(1), { rounds: 1 })),
    /length +1 round, 1 local pass a round$/m,
  );
});

const silent = {
  progress: () => {},
  line: () => {},
  ticking: () => ({ now() {}, [Symbol.dispose]() {} }),
};

Deno.test("EventLog: a disk without room is told once, costs lines of the log, and ends nothing", () =>
  inFolder(async (folder) => {
    await Deno.symlink("/dev/full", `${folder}/events.jsonl`);
    const lines: string[] = [];
    const output = { ...silent, line: (text: string) => lines.push(text) };
    using log = await EventLog.open(folder, output);
    for (let i = 0; i < 30; i++) log.onEvent({ type: "refused", peer: "10.0.0.1", code: `X${i}` });
    const told = lines.filter((line) => line.includes("events are not written"));
    assertEquals([told.length, lines.length], [1, 31]);
    assertMatch(
      told[0],
      /the run goes on: .*space on the disk of events\.jsonl, got none left \(remedy: free some space\)$/,
    );
  }));

Deno.test("EventLog.ending: the file's last event says of what the role has ended, and nothing is shown twice", () =>
  inFolder(async (folder) => {
    const lines: string[] = [];
    const output = new Output({ json: false });
    output.line = (text) => void lines.push(text);
    using log = await EventLog.open(folder, output);
    const { signal } = new AbortController();
    const end = async (how: AbortSignal) => {
      await assertRejects(() => log.ending(Promise.reject(new Error("no room")), how), Error, "no room");
      const { time: _time, ...event } = (await readEvents(`${folder}/events.jsonl`)).at(-1)!;
      return event;
    };
    assertEquals(await end(signal), { type: "failed", message: "no room" });
    assertEquals(await end(AbortSignal.abort()), { type: "stopped" });
    assertEquals(await log.ending(Promise.resolve(7), signal), 7);
    log.onEvent({ type: "failed", message: "no room" }); // an aggregator's: its command ends with that sentence
    assertEquals(lines, []);
  }));

Deno.test("describe says since when a run is finished, and how another begins", () => {
  const finished = { type: "already_finished", at: "2026-10-05T12:03:04.567Z", last: null } as const;
  assertEquals(describe(finished), "finished at 2026-10-05 12:03:04 UTC; --new begins another");
  assertEquals(
    describe({ ...finished, at: null, last: "hub/last.safetensors" }),
    "finished; --new begins another, --new --init hub/last.safetensors one from its last model",
  );
});
