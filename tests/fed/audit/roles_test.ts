/** Logs of roles that are killed, and whose certificates change. */
import { assertEquals } from "@std/assert";
import { issue } from "../../../src/fed/pki/ca.ts";
import { eventsOf, logsOf, ROLES, verifying } from "../../testing/audited_run.ts";
import { freePort } from "../../testing/free_port.ts";
import { runRole, withFederation } from "../../testing/fake_federation.ts";
import { at, runKilled } from "../../testing/killed.ts";

Deno.test("roles killed with SIGKILL at any moment, also between a commit and its line, leave logs that agree", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 4, logged: true };
    const ends = await Promise.all([
      runKilled({ ...spec, role: "aggregator" }, [
        ...[
          "receiving",
          "before:update_counted",
          "event:head",
          "before:head_taken",
          "committed",
          "before:committed",
        ]
          .map((point) => at(point)),
        at("result"),
      ]),
      runKilled(
        { ...spec, role: "a" },
        ["training", "before:receipt", "event:head"].map((point) => at(point)),
      ),
      runKilled({ ...spec, role: "b" }, ["before:update_written", "uploading"].map((point) => at(point))),
      runKilled({ ...spec, role: "c" }, ["before:row_accepted", "uploaded"].map((point) => at(point))),
    ]);
    assertEquals(ends.map(({ killed }) => killed.length), [7, 3, 2, 2]);
    const killed = await logsOf(dir);
    const report = verifying(killed)();
    assertEquals(report.faults, []);
    for (const [i, path] of ROLES.entries()) {
      const resumed = eventsOf(killed, path).filter(({ type }) => type === "log_resumed");
      assertEquals(resumed.length, ends[i].killed.length);
    }
  }));

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
