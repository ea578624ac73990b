import { assertEquals, assertRejects } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { ConnectionLost } from "../../../src/fed/wire/connection.ts";
import { Retry } from "../../../src/fed/wire/retry.ts";

/** What a client says at the end of its waiting. */
async function givenUp(error: Error): Promise<string> {
  const retry = new Retry({ wait: -1, onEvent: () => {} });
  const { message } = await assertRejects(() => retry.run(() => Promise.reject(error)), ProtocolError);
  return message;
}

Deno.test("a second session is told with one remedy, its own, also once the waiting is over", async () => {
  const live = new ProtocolError("session_live", {
    expected: "one connection per silo",
    got: "a second one of a",
  });
  assertEquals(
    await givenUp(live),
    "Cannot reach the aggregator: expected an answer within -1 s, got Cannot open a second session: expected one " +
      "connection per silo, got a second one of a (remedy: stop the other process of this silo)",
  );
  assertEquals(
    await givenUp(new ConnectionLost("connect ECONNREFUSED 127.0.0.1:1")),
    "Cannot reach the aggregator: expected an answer within -1 s, got connect ECONNREFUSED 127.0.0.1:1 (remedy: " +
      "start it, check --server, or raise --wait)",
  );
});
