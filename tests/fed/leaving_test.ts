import { assert, assertEquals } from "@std/assert";
import type * as v from "valibot";
import { type Call, Connection } from "../../src/fed/connection.ts";
import { MIN_CELL } from "../../src/fed/histogram.ts";
import type { Scores } from "../../src/fed/protocol.ts";
import { FrameReader } from "../../src/fed/frame.ts";
import {
  HeartbeatSchema,
  parseMessage,
  RegistrationSchema,
  ScoresSchema,
  UpdateStartSchema,
} from "../../src/fed/schema.ts";
import { freePort, runRole, TINY, withFederation } from "./fake_federation.ts";

/** Every message a silo may send, by method and path; GET has no body. */
const MAY_LEAVE: [RegExp, v.GenericSchema<unknown, unknown> | "frames" | "nothing"][] = [
  [/^GET \/v1\/run(\?seen=[a-z]+\.\d+\.[01]&wait=\d+)?$/, "nothing"],
  [/^GET \/v1\/rounds\/\d+\/model$/, "nothing"],
  [/^POST \/v1\/join$/, RegistrationSchema],
  [/^POST \/v1\/rounds\/\d+\/update$/, UpdateStartSchema],
  [/^PUT \/v1\/rounds\/\d+\/update\?offset=\d+$/, "frames"],
  [/^POST \/v1\/rounds\/\d+\/scores$/, ScoresSchema],
  [/^POST \/v1\/heartbeat$/, HeartbeatSchema],
];

Deno.test("nothing leaves a silo but what protocol.md lists: every message of a run fits a strict schema", () =>
  withFederation(async (dir) => {
    const calls: Call[] = [];
    const { send } = Connection.prototype;
    Connection.prototype.send = function (call) {
      calls.push({ ...call, body: call.body?.map((part) => part.slice()) });
      return send.call(this, call);
    };
    try {
      const port = freePort();
      await Promise.all(["aggregator", "a", "b", "c"].map((role) => runRole({ dir, port, role, rounds: 2 })));
    } finally {
      Connection.prototype.send = send;
    }
    const seen = new Set<number>();
    for (const { method, path, headers, body = [] } of calls) {
      const index = MAY_LEAVE.findIndex(([pattern]) => pattern.test(`${method} ${path}`));
      assert(index >= 0, `${method} ${path}`);
      seen.add(index);
      const names = Object.keys(headers ?? {});
      assert(names.every((name) => name === "range" || name === "content-type"), names.join());
      checkBody(MAY_LEAVE[index][1], body);
    }
    // The heartbeat comes every 10 s only; everything else must have been seen.
    assertEquals([...seen].toSorted(), [0, 1, 2, 3, 4, 5]);
  }));

function checkBody(kind: (typeof MAY_LEAVE)[number][1], body: Uint8Array[]): void {
  if (kind === "nothing") assertEquals(body.length, 0);
  else if (kind === "frames") {
    const reader = new FrameReader({ total: TINY.length * 4, offset: 0 });
    for (const part of body) for (const _ of reader.push(part));
    reader.end();
    assert(reader.done);
  } else {
    const message = parseMessage(kind, new TextDecoder().decode(body[0]), { what: "a message" }) as Partial<
      Scores
    >;
    const { positives = [], negatives = [] } = message.test?.histogram ?? {};
    for (const films of [...positives, ...negatives]) {
      assert(films === 0 || films >= MIN_CELL, `${films} films`);
    }
  }
}
