import { assert, assertEquals } from "@std/assert";
import { federateOver } from "../../testing/over_bad_network.ts";

Deno.test("rounds complete over lines of 100 ms each way that lose chunks and reset connections: nothing counts twice, the digests are as undisturbed", async () => {
  const plain = await federateOver({ line: null, rounds: 3, full: false });
  const line = { delay: 0.1, loss: 0.01, resets: 0.2, seed: 1 };
  const bad = await federateOver({ line, rounds: 3, full: false });
  const { sha256, last, receipts, silos, degraded, rounds, done } = bad;
  assertEquals([sha256, last, receipts], [plain.sha256, plain.last, plain.receipts]);
  assertEquals([silos, degraded, rounds], [Array(3).fill(sha256), false, 3]);
  assert(done.resets > 0 && done.connections > 3, JSON.stringify(done));
});
