/** A disk that is full in earnest: an aggregator, in a process of its own, whose limit on file sizes is lowered and raised. */
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { childFlags } from "../../testing/child.ts";
import { freePort } from "../../testing/free_port.ts";
import { type RoleSpec, runRole, withFederation } from "../../testing/fake_federation.ts";

const PROGRAM = fileURLToPath(new URL("../../testing/fake_federation.ts", import.meta.url));

/** Sets the soft limit of a running process on file sizes, bytes. */
async function limit(pid: number, bytes: number | "unlimited"): Promise<void> {
  const args = ["--pid", `${pid}`, `--fsize=${bytes}:unlimited`];
  const { success, stderr } = await new Deno.Command("prlimit", { args }).output();
  assert(success, new TextDecoder().decode(stderr));
}

const installed = await new Deno.Command("prlimit", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);
if (!installed) console.log("disk_full_test.ts is skipped: no prlimit (util-linux)");

Deno.test({
  name: "silos name the reason while the aggregator's disk is full, and the run ends once there is room",
  ignore: !installed,
  fn: () =>
    withFederation(async (dir) => {
      const port = freePort();
      const spec: RoleSpec = { dir, port, role: "aggregator", full: true, rounds: 1 };
      // SIGXFSZ, which would end the process, stays ignored across exec.
      const script = `trap '' XFSZ; exec "$@"`;
      const program = [Deno.execPath(), "run", "-A", ...await childFlags(), PROGRAM, JSON.stringify(spec)];
      const args = ["-c", script, "sh", ...program];
      const aggregator = new Deno.Command("sh", { args, stdout: "piped", stderr: "inherit" }).spawn();
      const output = new Response(aggregator.stdout).text();
      const reasons: string[] = [];
      let lowered: Promise<void> | undefined;
      const onEvent = (event: FedEvent) => {
        if (event.type === "training") lowered ??= limit(aggregator.pid, 8 << 20);
        if (event.type !== "retry" || !event.reason.includes("disk")) return;
        reasons.push(event.reason);
        lowered = lowered?.then(() => limit(aggregator.pid, "unlimited"));
      };
      const silos = ["a", "b", "c"].map((role) => runRole({ dir, port, role, full: true }, { onEvent }));
      for (const { rounds } of await Promise.all(silos)) assertEquals(rounds, 1);
      await lowered;
      assertEquals((await aggregator.status).code, 0);
      assertStringIncludes(await output, '"result"');
      assert(reasons.length > 0, "no silo was refused");
      assertStringIncludes(reasons[0], "Cannot write: expected space on the disk of the aggregator's state");
      assertStringIncludes(reasons[0], "ulimit -f");
    }),
});
