import { assert, assertEquals, assertRejects } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { ConnectionLost } from "../../../src/fed/wire/connection.ts";
import { Retry } from "../../../src/fed/wire/retry.ts";

const HOUR = 3600;
const UNKNOWN = () => new ConnectionLost("hub.exampel has no address", { unknownHost: "hub.exampel" });
const REFUSED = () => new ConnectionLost("hub.example, port 8443: refused");

/** Attempts whose pauses pass at once, on a clock that counts them. */
function attempts(wait: number) {
  const events: FedEvent[] = [];
  const clock = { now: 0 };
  const retry = new Retry({
    wait,
    onEvent: (event) => void events.push(event),
    now: () => clock.now,
    pause: (seconds) => Promise.resolve(void (clock.now += seconds)),
  });
  return { retry, events, clock };
}

/** An attempt that fails as `errors` say one after the other, then is answered. */
function failing(...errors: Error[]) {
  return () => errors.length > 0 ? Promise.reject(errors.shift()) : Promise.resolve("answer");
}

Deno.test("a host without an address is given up after a minute, with what to check", async () => {
  const { retry, clock, events } = attempts(HOUR);
  const error = await assertRejects(() => retry.run(() => Promise.reject(UNKNOWN())), ProtocolError);
  assertEquals(error.code, "unreachable");
  assert(clock.now > 60 && clock.now < 70, `${clock.now}`);
  assertEquals(
    error.message,
    "Cannot reach the aggregator: expected a host that this machine finds, within 60 s, got hub.exampel has no " +
      "address (remedy: check the host's name in --server, this machine's DNS, or /etc/hosts)",
  );
  const [first] = events;
  assert(first.type === "retry" && first.left === 60);
});

Deno.test("what refuses a connection is tried for all of --wait, also where its name is not found later", async () => {
  const refused = attempts(HOUR);
  await assertRejects(
    () => refused.retry.run(() => Promise.reject(REFUSED())),
    ProtocolError,
    "within 3600 s",
  );
  assert(refused.clock.now > HOUR, `${refused.clock.now}`);
  const reached = attempts(HOUR);
  reached.retry.answered();
  await assertRejects(
    () => reached.retry.run(() => Promise.reject(UNKNOWN())),
    ProtocolError,
    "within 3600 s",
  );
  assert(reached.clock.now > HOUR, `${reached.clock.now}`);
});

Deno.test("the minute of an unknown host begins with the first look-up in a row that finds none", async () => {
  const { retry, clock } = attempts(HOUR);
  const errors = [...Array(40).keys()].map((at) => at % 10 === 9 ? REFUSED() : UNKNOWN());
  assertEquals(await retry.run(failing(...errors)), "answer");
  assert(clock.now > 60, `${clock.now}`);
});

Deno.test("a failure is told with the time that is left, then once a minute, and the answer is told too", async () => {
  const { retry, events, clock } = attempts(HOUR);
  assertEquals(await retry.run(failing(...Array.from({ length: 40 }, REFUSED))), "answer");
  const told = events.flatMap((event) => event.type === "retry" ? [Math.round(event.left / 60)] : []);
  assertEquals(told, [60, 59, 58, 57].slice(0, told.length));
  assert(clock.now > 120 && told.length >= 3, `${told} in ${clock.now} s`);
  assertEquals(events.filter(({ type }) => type === "reached").length, 1);
  assertEquals(events.at(-1), { type: "reached" });
  await retry.run(failing(REFUSED()));
  assertEquals(events.slice(-2).map(({ type }) => type), ["retry", "reached"]);
});

Deno.test("an answer at once tells nothing, and a refusal that no attempt cures is thrown", async () => {
  const { retry, events } = attempts(HOUR);
  await retry.run(failing());
  const refusal = new ProtocolError("not_agreed", { expected: "x", got: "y" });
  assertEquals(await assertRejects(() => retry.run(failing(refusal)), ProtocolError), refusal);
  assertEquals(events, []);
});
