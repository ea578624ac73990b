import { assertEquals } from "@std/assert";
import { showEvents } from "../../../src/cli/output/event_log.ts";
import { Output } from "../../../src/cli/output/output.ts";
import { SiloLine } from "../../../src/cli/output/silo_line.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";

/** A silo's line on show, under a clock that the test moves. */
function shown() {
  const seen = { time: 0, lines: [] as string[], news: 0, text: null as (() => string) | null };
  const silo = new SiloLine({
    line: (text) => void seen.lines.push(text),
    ticking(text, { said } = {}) {
      if (!said) seen.news++;
      seen.text = text;
      return { now: () => seen.news++, [Symbol.dispose]: () => seen.text = null };
    },
  }, () => seen.time);
  const take = (...events: FedEvent[]) => events.forEach((event) => silo.take(event));
  return { seen, take, line: () => seen.text?.() ?? null, [Symbol.dispose]: () => silo[Symbol.dispose]() };
}

const proposal = (rounds: number | null) =>
  ({ type: "proposal", proposal: { silos: ["a"], rounds, joinTimeout: 3600 } }) as unknown as FedEvent;
const idle = (until: "plan" | "round" | "selection" | "end", round = 0): FedEvent => ({
  type: "idle",
  until,
  round,
});

Deno.test("a silo that has joined says so, and how long it waits at most", () => {
  using silo = shown();
  silo.take(proposal(10), idle("plan"));
  assertEquals([silo.line(), silo.seen.news], ["joined; waiting for the others, at most 60 min", 1]);
  silo.seen.time = 108;
  assertEquals(silo.line(), "joined; waiting for the others, at most 58 min");
  silo.seen.time = 3720;
  assertEquals(silo.line(), "joined; waiting for the others (62 min)");
});

Deno.test("between its turns a silo says what it waits for, once, and how long it has", () => {
  using silo = shown();
  silo.take(proposal(3), idle("round", 1));
  assertEquals(silo.line(), "waiting for round 2 of 3");
  silo.seen.time = 12;
  silo.take({ type: "phase", phase: "uploading", round: 1 }, idle("round", 1));
  assertEquals([silo.line(), silo.seen.news], ["waiting for round 2 of 3 (12 s)", 1]);
  const later = [idle("round", 3), idle("selection", 3), idle("end", 3)];
  assertEquals(later.map((event) => (silo.take(event), silo.line())), [
    "waiting for the others' last updates",
    "waiting until all have scored the last model",
    "waiting until all have tested the selected model",
  ]);
  silo.take(proposal(null), idle("round", 4));
  assertEquals(silo.line(), "waiting for round 5, or the end");
});

Deno.test("what a silo does has a line, but for its training, which has a bar", () => {
  using silo = shown();
  const phases = ["pulling", "scoring", "training", "uploading", "closing"] as const;
  assertEquals(phases.map((phase) => (silo.take({ type: "phase", phase, round: 1 }), silo.line())), [
    "fetching the model",
    "scoring the model on val",
    null,
    "sending the update",
    "testing the selected model",
  ]);
  assertEquals(silo.seen.news, 0);
});

Deno.test("a failure is said once, then the time that is left ticks until the answer comes", () => {
  using silo = shown();
  const retry = (reason: string, left: number): FedEvent => ({
    type: "retry",
    reason,
    left,
    attempt: 1,
    wait: 1,
  });
  silo.take(retry("hub (10.0.0.7), port 8443: refused", 3600));
  silo.seen.time = 60;
  silo.take(retry("hub (10.0.0.7), port 8443: refused", 3540));
  assertEquals(silo.seen.lines, ["hub (10.0.0.7), port 8443: refused; trying again, 60 min left"]);
  silo.seen.time = 3555;
  assertEquals(silo.line(), "trying again, 45 s left");
  silo.take(retry("no answer within 15 s", 45));
  assertEquals(silo.seen.lines.length, 2);
  silo.take({ type: "reached" });
  assertEquals(silo.line(), null);
});

Deno.test("after a failure the line says again what the silo waits for, and in training there is none", () => {
  using silo = shown();
  const retry: FedEvent = { type: "retry", reason: "refused", left: 60, attempt: 1, wait: 1 };
  silo.take(idle("plan"), retry);
  assertEquals(silo.line(), "trying again, 1 min left");
  silo.take({ type: "reached" });
  assertEquals(silo.line(), "joined; waiting for the others");
  silo.take({ type: "phase", phase: "training", round: 1 }, retry);
  assertEquals([silo.line(), silo.seen.lines.length], [null, 2]);
});

Deno.test("where lines go to a file, each change is a line with its time, and nothing ticks", () => {
  const printed: string[] = [];
  const output = new Output({ json: false, stderr: (text) => void printed.push(text) });
  output.timed = true;
  using show = showEvents(output);
  const retry: FedEvent = { type: "retry", reason: "refused", left: 60, attempt: 1, wait: 1 };
  const turn: FedEvent = { type: "phase", phase: "uploading", round: 1 };
  for (
    const event of [proposal(3), idle("plan"), retry, { type: "reached" }, turn, idle("round", 1)] as const
  ) {
    show(event);
  }
  assertEquals(printed.map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ /, "")), [
    "joined; waiting for the others, at most 60 min\n",
    "refused; trying again, 1 min left\n",
    "waiting for round 2 of 3\n",
  ]);
  assertEquals(printed.filter((line) => line.startsWith("20")).length, 3);
});
