/** What a silo gains by test figures that contradict each other: each is refused, by its name, and none is stored. */
import { assertEquals, assertMatch } from "@std/assert";
import { withRound } from "../testing/open_round.ts";

const FILMS = { positives: 48, negatives: 48, images: 96 };
/** All films with a finding above all others: whoever says this has an AUROC of 1. */
const APART = { first: [0, 32], positives: [0, 48], negatives: [48, 0] };
/** 8 of 48 on the wrong side: 40/48 · 40/48 of the pairs are surely right, and 8/48 · 8/48 surely wrong. */
const MIXED = { first: [0, 32], positives: [8, 40], negatives: [40, 8] };

const LIES: Record<string, Record<string, unknown>> = {
  "an AUROC of 0 beside films that are all in order": { auroc: 0, se: 0, histogram: APART },
  "one half beside films that are all in order": { auroc: 0.5, se: 0.01, histogram: APART },
  "more than its films can have": { auroc: 0.98, se: 0.01, histogram: MIXED },
  "less than its films must have": { auroc: 0.69, se: 0.01, histogram: MIXED },
  "films without an AUROC": { auroc: null, se: null, histogram: MIXED },
  "films that it did not register": { auroc: 1, se: 0.01, histogram: { ...APART, positives: [0, 47] } },
  "an error above one half": { auroc: 0.8, se: 0.6, histogram: MIXED },
};

Deno.test("test figures that contradict each other are refused and not stored; true ones are taken", () =>
  withRound(async ({ run, send, events }) => {
    run.beginClosing();
    run.select({ round: 0, auroc: null, reason: "the only one" }, 0);
    const tell = (test: Record<string, unknown>) => {
      const { positives, negatives } = FILMS;
      const scores = { run: run.id, round: 1, auroc: null, se: null, loss: null, positives, negatives };
      return send("c", "POST", "/v1/rounds/1/scores", { ...scores, test: { ...FILMS, ...test } });
    };
    for (const [what, lie] of Object.entries(LIES)) {
      const { status, json } = await tell(lie);
      assertMatch(`${status} ${json.code}`, /^(409 wrong_counts|400 bad_request)$/, what);
      const told = events.findLast(({ type }) => type === "refused");
      assertEquals(told, {
        type: "refused",
        peer: "c",
        code: json.code,
        expected: json.expected,
        got: json.got,
      });
      assertEquals(run.state.tests, {}, what);
    }
    assertEquals((await tell({ auroc: 0.9, se: 0.01, histogram: MIXED })).status, 200);
    assertEquals(run.state.tests.c.test?.auroc, 0.9);
  }));
