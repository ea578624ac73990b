/**
 * Rounds over a bad network: 200 ms and more for each request and answer, 1 % loss, resets, the full network's vector.
 *
 * Delay and loss are the kernel's where it has netem and a network namespace can be had, else the proxy's own; RST
 * always comes from the proxy. Resets hit 5 % of bursts and of each further MiB: of ranges of 8 MiB about a third.
 */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Outcome, Trial } from "../testing/over_bad_network.ts";
import { childFlags } from "../testing/child.ts";

const PROGRAM = fileURLToPath(new URL("../testing/over_bad_network.ts", import.meta.url));
/** Each packet passes loopback twice: once to the proxy, once from it. */
const NETEM = "ip link set lo up && tc qdisc add dev lo root netem delay 100ms loss 1%";

/** Whether this machine can make a network namespace with a bad loopback. */
async function netemWorks(): Promise<boolean> {
  const command = new Deno.Command("unshare", { args: ["-rn", "sh", "-c", NETEM], stderr: "null" });
  return await command.output().then(({ success }) => success, () => false);
}

/** Runs the trial as a process, behind the bad loopback if `netem`. */
async function run(trial: Trial, options: { netem: boolean }): Promise<Outcome> {
  const deno = [Deno.execPath(), "run", "-A", ...await childFlags(), PROGRAM, JSON.stringify(trial)];
  const [command, ...args] = options.netem
    ? ["unshare", "-rn", "sh", "-c", `${NETEM} && exec "$@"`, "sh", ...deno]
    : deno;
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

Deno.test("four rounds complete over a network with 200 ms, 1 % loss and 5 % resets; digests and receipts are as undisturbed", async () => {
  const netem = await netemWorks();
  console.log(netem ? "delay and loss: netem" : "delay and loss: the proxy (no netem here)");
  const trial = { rounds: 4, full: true };
  const plain = await run({ ...trial, line: null }, { netem: false });
  const line = netem
    ? { delay: 0, loss: 0, resets: 0.05, seed: 1 }
    : { delay: 0.1, loss: 0.01, resets: 0.05, seed: 1 };
  const bad = await run({ ...trial, line }, { netem });
  const { connections, resets, losses, bytes } = bad.done;
  console.log(
    `${bad.seconds.toFixed(0)} s (undisturbed ${plain.seconds.toFixed(0)} s): ${connections} connections, ` +
      `${resets} reset, ${losses} chunks late, ${(bytes / 2 ** 20).toFixed(0)} MiB`,
  );
  assertEquals([bad.sha256, bad.last, bad.receipts], [plain.sha256, plain.last, plain.receipts]);
  assertEquals([bad.silos, bad.degraded, bad.rounds], [Array(3).fill(plain.sha256), false, 4]);
  assertEquals(new Set(bad.receipts).size, 3 * 4);
  assert(resets > 10, `${resets} resets`);
});
