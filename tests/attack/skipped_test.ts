/** A silo whose steps change nothing: it sends no update, and says how many it skipped. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { runRole, withFederation } from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { registration, withRound } from "../testing/open_round.ts";
import { SteppedRun } from "../testing/stepped_run.ts";

Deno.test("a silo whose every step was skipped refuses to send, and the others' run ends without it", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 1, proposal: { quorum: 2 } });
    const others = [run.hub(), run.silo("a"), run.silo("b")] as const;
    const error = await assertRejects(
      () => runRole({ ...run.spec, role: "c" }, { skips: () => true }),
      ProtocolError,
    );
    await run.lose("c");
    assertEquals(error.code, "steps_skipped");
    assertMatch(error.message, /not finite in all 3 .*lower --lr/);
    const [result] = await Promise.all(others);
    assertEquals([result.degraded, result.missing], [true, { c: [1, 2] }]);
    assert(!run.of("update_counted").some(({ silo }) => silo === "c"));
  }));

Deno.test("some skipped steps are told to both operators, and the update counts", () =>
  withFederation(async (dir) => {
    const events: FedEvent[] = [], own: FedEvent[] = [];
    const spec = { dir, port: freePort(), rounds: 1 };
    const roles = ["aggregator", "a", "b", "c"].map((role) =>
      runRole({ ...spec, role }, {
        ...role === "aggregator" && { onEvent: (event) => events.push(event) },
        ...role === "c" && { onEvent: (event) => own.push(event), skips: (step) => step === 0 },
      })
    );
    await Promise.all(roles);
    const scored = events.filter((event) => event.type === "scored" && event.scores.round === 1);
    const skipped = scored.map((event) =>
      event.type === "scored" && [event.silo, event.scores.skipped, event.scores.searched]
    );
    assertEquals(skipped.toSorted(), [["a", 0, 0], ["b", 0, 0], ["c", 1, 1]]);
    assert(
      own.some((event) => event.type === "warning" && event.text.startsWith("round 1: 1 of 3 steps skipped")),
    );
  }));

Deno.test("scores that say that every step was skipped, over half of them after the search, or more, are refused", () =>
  withRound(async ({ run, send, events }) => {
    const { positives, images } = registration("c").splits.val;
    const scores = {
      run: run.id,
      round: 1,
      auroc: 0.5,
      se: 0.04,
      loss: 1,
      positives,
      negatives: images - positives,
    };
    // A round of 10 passes has 30 steps.
    const say = (skipped: number, searched: number) =>
      send("c", "POST", "/v1/rounds/1/scores", { ...scores, skipped, searched });
    const lies: [number, number, number, string, RegExp][] = [
      [31, 0, 409, "wrong_counts", /at most 30 skipped steps/],
      [900, 900, 409, "wrong_counts", /at most 30 skipped steps/],
      [2, 3, 409, "wrong_counts", /those of the search among them/],
      [30, 30, 422, "steps_skipped", /steps that train/],
      [30, 0, 422, "steps_skipped", /steps that train/],
      [16, 0, 422, "steps_skipped", /at most half of 30 steps/],
      [21, 10, 422, "steps_skipped", /at most half of 20 steps/],
    ];
    for (const [skipped, searched, status, code, expected] of lies) {
      const { status: told, json } = await say(skipped, searched);
      assertEquals([told, json.code], [status, code]);
      assertMatch(json.expected, expected);
      const refused = events.at(-1);
      assert(refused?.type === "refused" && refused.peer === "c" && refused.code === code);
    }
    assertEquals(run.state.scores.size, 0);
    for (const [skipped, searched] of [[0, 0], [15, 0], [20, 10], [29, 29]]) {
      assertEquals((await say(skipped, searched)).status, 200);
    }
  }, { localEpochs: 10 }));
