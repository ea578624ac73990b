/** Logs of roles that are killed, and whose certificates change. */
import { assert, assertEquals } from "@std/assert";
import { issue } from "../../../src/fed/pki/ca.ts";
import { eventsOf, logsOf, ROLES, verifying } from "../../testing/audited_run.ts";
import { freePort } from "../../testing/free_port.ts";
import { MASKED, runRole, withFederation } from "../../testing/fake_federation.ts";
import { at, runKilled } from "../../testing/killed.ts";

/**
 * Where each life of a role ends: above all right before the line of what has just been committed, which its log then
 * lacks, and right after lines that another role waits for.
 */
const KILLS: Record<"open" | "masked", Record<string, string[]>> = {
  open: {
    aggregator: ["before:row", "receiving", "before:update_counted", "event:head", "before:head_taken"]
      .concat(
        ["committed", "before:committed", "before:selected", "result"],
      ),
    a: ["before:row_accepted", "training", "before:receipt", "event:head"],
    b: ["before:update_written", "uploading", "before:head_taken"],
    c: ["before:sent", "uploaded", "before:model_stored"],
  },
  masked: {
    aggregator: ["before:row", "before:ready", "before:roster", "roster_settled"].concat(
      ["before:update_counted", "before:head", "before:committed", "result"],
    ),
    a: ["ready_written", "masked", "before:receipt"],
    b: ["before:roster", "event:head"],
    c: ["before:masked", "before:head_taken"],
  },
};

for (const [kind, kills] of Object.entries(KILLS)) {
  Deno.test(`roles of ${kind === "open" ? "an open" : "a masked"} run killed with SIGKILL, also between a commit and its line, leave logs that agree`, () =>
    withFederation(async (dir) => {
      const proposal = kind === "masked" ? MASKED : {};
      const spec = { dir, port: freePort(), rounds: 6, logged: true, proposal };
      const ends = await Promise.all(
        ROLES.map((role) => runKilled({ ...spec, role }, kills[role].map((point) => at(point)))),
      );
      assertEquals(ends.map(({ killed }) => killed), ROLES.map((role) => kills[role]));
      const run = await logsOf(dir);
      const { faults, logs } = verifying(run)();
      assertEquals(faults, []);
      assert(logs.every(({ held }) => held > 0));
      for (const path of ROLES) {
        const told = Map.groupBy(eventsOf(run, path), ({ type }) => type);
        assertEquals(told.get("log_resumed")?.length, kills[path].length);
        assertEquals(told.has("roster"), kind === "masked");
      }
    }));
}

Deno.test("an aggregator killed between a receipt's commit and its line says it once more: its log lacks none", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 1, logged: true };
    const [hub] = await Promise.all([
      runKilled({ ...spec, role: "aggregator" }, [at("before:update_counted")]),
      ...["a", "b", "c"].map((role) => runRole({ ...spec, role })),
    ]);
    assertEquals(hub.killed, ["before:update_counted"]);
    const run = await logsOf(dir);
    assertEquals(verifying(run)().faults, []);
    const told = eventsOf(run, "aggregator").flatMap(({ type, silo }) =>
      ["update_counted", "receipt_repeated"].includes(type) ? [silo] : []
    );
    assertEquals([...new Set(told)].sort(), ["a", "b", "c"]);
  }));

Deno.test("a certificate renewed in mid-run with another key signs on, and all of it verifies", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 3, logged: true };
    let renewed: Promise<unknown> | null = null;
    const onFault = async (name: string) => {
      if (name !== "uploaded") return;
      renewed ??= (async () => {
        await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/new` });
        for (const file of ["key.pem", "cert.pem"]) {
          await Deno.copyFile(`${dir}/new/${file}`, `${dir}/tls-a/${file}`);
        }
      })();
      await renewed;
      throw new Error("stopped to be started again");
    };
    const roles = ["aggregator", "b", "c"].map((role) => runRole({ ...spec, role }));
    await runRole({ ...spec, role: "a" }, { onFault }).catch(() => {});
    await Promise.all([...roles, runRole({ ...spec, role: "a" })]);
    const logs = await logsOf(dir);
    const certificates = new Set(
      eventsOf(logs, "a").filter(({ type }) => type === "head").map(({ head }) => head.certificate),
    );
    assertEquals(certificates.size, 2);
    assertEquals(verifying(logs)().faults, []);
  }));
