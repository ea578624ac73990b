/** Silos that decline: their code reaches the aggregator's operator, nothing else does, and each speaks for itself. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { AggregatorState } from "../../../src/fed/aggregator/state.ts";
import { declineOf, DECLINES, DeclineSchema } from "../../../src/fed/protocol/decline.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { FAILURES } from "../../../src/fed/protocol/failures.ts";
import type { Limits } from "../../../src/fed/silo/limits.ts";
import { withFederation } from "../../testing/fake_federation.ts";
import { inFolder } from "../../testing/folder.ts";
import { openBench, registration } from "../../testing/open_round.ts";
import { preset } from "../../../src/model/recipe.ts";
import { SteppedRun } from "../../testing/stepped_run.ts";

const failure = (error: ProtocolError) => error;

Deno.test("a silo that declines tells its code, each for its own reason, and nobody waits in silence", () =>
  withFederation(async (dir) => {
    const recipe = preset("default", { batch: 128 });
    const run = new SteppedRun(dir, { proposal: { recipe, joinTimeout: 600 } });
    const hub = run.hub().catch(failure) as Promise<ProtocolError>;
    const reasons: [string, Partial<{ size: number; images: number; accept: Limits }>][] = [
      ["recipe_not_accepted", { accept: { recipes: [{ name: "deck" }] } }],
      ["rounds_not_accepted", { accept: { maxRounds: 3 } }],
      ["passes_not_accepted", { accept: { maxPasses: 3 } }],
      ["network_not_accepted", { accept: { networks: ["other"] } }],
      // Before anything that is compared with a count.
      ["too_few_patients", { accept: { minTrainPatients: 97 }, size: 64, images: 8 }],
      ["other_size", { size: 64 }],
      ["too_few_images", {}],
    ];
    for (const [code, changes] of reasons) {
      const error = await assertRejects(() => run.silo("b", changes), ProtocolError);
      assertEquals(error.code, code);
      await run.when("declined", (event) => event.silo === "b" && event.code === code);
    }
    assertEquals(run.of("declined").length, reasons.length);
    run.clock.pass(600);
    const { code, message } = await hub;
    assertEquals(code, "join_timeout");
    assertMatch(
      message,
      /expected a, b, c within 600 s, got nothing from a, c; b declined \(too few films\)/,
    );
    assertMatch(message, /remedy: have it corrected .* --new; start the missing silos/);
  }));

Deno.test("a silo that declined and comes back with what it lacked has joined", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 1 });
    const hub = run.hub();
    const others = [run.silo("a"), run.silo("c")];
    await assertRejects(() => run.silo("b", { size: 64 }), ProtocolError);
    await run.when("declined");
    const [result] = await Promise.all([hub, run.silo("b"), ...others]);
    assertEquals([result.degraded, run.of("plan")[0].plan.roster], [false, ["a", "b", "c"]]);
  }));

const DECLINE = "/v1/decline";

Deno.test("handlerOf takes a code of the list, for the silo of the certificate, once; all else is refused", () =>
  inFolder(async (dir) => {
    using state = await AggregatorState.open(dir);
    const { run, send, events } = await openBench(state, dir);
    const message = { run: run.id, code: "other_size", wire: 8 };
    const told = () => events.flatMap((e) => e.type === "declined" ? [[e.silo, e.code]] : []);
    for (let k = 0; k < 3; k++) {
      assertEquals(await send("b", "POST", DECLINE, message), { status: 200, json: { received: true } });
    }
    assertEquals(told(), [["b", "other_size"]]);
    const refused: [object, string][] = [
      [{ ...message, code: "disk_full" }, "bad_request"],
      [{ ...message, code: "too few films of M. Miller" }, "bad_request"],
      [{ ...message, code: "constructor" }, "bad_request"],
      [{ ...message, silo: "a" }, "bad_request"],
      [{ ...message, patients: 7 }, "bad_request"],
      [{ ...message, run: "0".repeat(32) }, "other_run"],
      [{ ...message, wire: 2 }, "other_wire"],
    ];
    for (const [body, code] of refused) {
      assertEquals((await send("b", "POST", DECLINE, body)).json.code, code);
    }
    assertEquals((await send("x", "POST", DECLINE, message)).json.code, "not_invited");
    assertEquals([told().length, run.away.declined], [1, { b: "other_size" }]);
    // A restarted aggregator says it again; joining ends it.
    const restarted = await openBench(state, dir);
    assertEquals(restarted.run.away.declined, { b: "other_size" });
    await restarted.send("b", "POST", "/v1/join", registration("b"));
    assertEquals([restarted.run.away.declined, state.joined.has("b")], [{}, true]);
    // Until the plan is frozen one that joined may decline after all, and is waited for again.
    await restarted.send("b", "POST", DECLINE, message);
    assertEquals([restarted.run.away.declined, state.joined.has("b")], [{ b: "other_size" }, false]);
  }));

Deno.test("DECLINES: every code is one of the failures, and what has none is not_ready", () => {
  for (const code of Object.keys(DECLINES)) assertEquals(Object.hasOwn(FAILURES, code), true, code);
  const values = { expected: "", got: "" };
  assertEquals(declineOf(new ProtocolError("empty_class", values)), "empty_class");
  for (
    const error of [new ProtocolError("disk_full", values), new Error("films/A0000001.png"), "no error", null]
  ) {
    assertEquals(declineOf(error), "not_ready");
  }
  assertEquals(Object.keys(DeclineSchema.entries), ["run", "code", "wire"]);
});
