/** Hostile requests through the handlers, in process: each is refused with a reason, and the run goes on. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ErrorBodySchema, parseMessage } from "../../src/fed/protocol/messages.ts";
import { frames, registration, update, withRound } from "../testing/open_round.ts";
import { campaign, cases } from "./mutate.ts";

const COUNT = 60_000;
const utf8 = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

Deno.test(`handlerOf: ${cases(COUNT)} hostile requests, then the round closes as if nothing had come`, () =>
  withRound(async ({ run, send, events }) => {
    const { start, bytes } = update(run);
    const scores = { run: run.id, round: 1, auroc: 0.7, se: 0.04, loss: 0.5, positives: 48, negatives: 48 };
    const bodies = [
      ...[start, registration("a"), scores, { run: run.id, round: 1, phase: "training", step: 1, steps: 2 }]
        .map(utf8),
      frames(bytes, 0),
    ];
    const targets = [
      ...[
        "POST /v1/join",
        "POST /v1/rounds/1/update",
        "PUT /v1/rounds/1/update?offset=0",
        "POST /v1/heartbeat",
      ],
      ...[
        "POST /v1/rounds/1/scores",
        "GET /v1/rounds/0/model",
        "PUT /v1/rounds/1/update?offset=-1",
        "GET /v1/run?seen=x",
      ],
      ...[
        "POST /v1/rounds/999999999/update",
        "DELETE /v1/run",
        "GET /v1/../../etc/passwd",
        "POST /v1/rounds/0/scores",
      ],
    ];
    let turn = 0;
    await campaign(bodies, async (body) => {
      const [method, path] = targets[turn++ % targets.length].split(" ");
      const answer = await send(["a", "b", "c", "mallory"][turn % 4], method, path, body);
      if (answer.status < 400) return;
      const { code, remedy } = parseMessage(ErrorBodySchema, JSON.stringify(answer.json), {
        what: "a refusal",
      });
      assert(code !== "internal" && remedy.length > 3, JSON.stringify(answer.json));
    }, { count: COUNT });
    assertEquals(run.state.models.size, 1);
    assertEquals(
      events.filter((event) => event.type === "warning" && /a request failed/.test(event.text)),
      [],
    );
    for (const silo of ["a", "b", "c"]) {
      if (run.state.counted(1).has(silo)) continue;
      const { json } = await send(silo, "POST", "/v1/rounds/1/update", start);
      const rest = frames(bytes, json.offset);
      const put = await send(silo, "PUT", `/v1/rounds/1/update?offset=${json.offset}`, rest);
      assertEquals(put.json.receipt?.sha256, start.sha256, JSON.stringify(put.json));
    }
  }));

Deno.test("handlerOf: paths and queries of any text never reach a file", () =>
  withRound(async ({ send }) => {
    const text = fc.oneof(
      fc.string(),
      fc.webPath(),
      fc.constantFrom("/v1/rounds/../../x/model", "/v1/rounds/1e3/model"),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("GET", "POST", "PUT"), text, async (method, path) => {
        const { status, json } = await send("a", method, path.startsWith("/") ? path : `/${path}`, "");
        assert(
          status >= 400 && typeof json.code === "string" && json.code !== "internal",
          `${status} ${path}`,
        );
      }),
      { numRuns: cases(20_000), seed: 1 },
    );
  }));
