import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { isUsage } from "../../src/cli/main.ts";
import { runAggregator } from "../../src/fed/aggregator/aggregator.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { Proposal } from "../../src/fed/protocol/messages.ts";
import { runSilo } from "../../src/fed/silo/silo.ts";
import { preset } from "../../src/model/recipe.ts";
import { freePort } from "../testing/free_port.ts";
import { fullAt, proposalOf, type RoleSpec, runRole, withFederation } from "../testing/fake_federation.ts";
import { FakeTrainer, startVector, TINY } from "../testing/fake_trainer.ts";
import { withAggregator } from "../testing/listening.ts";
import { SteppedRun } from "../testing/stepped_run.ts";

const silo = (
  dir: string,
  port: number,
  changes: { tls?: string; silo?: string; size?: number; wait?: number } = {},
) =>
  runSilo({
    silo: "a",
    server: `https://127.0.0.1:${port}`,
    tls: `${dir}/tls-a`,
    state: `${dir}/state-refused`,
    wait: 20,
    trainer: () => Promise.resolve(new FakeTrainer({ layout: TINY, silo: "a", size: changes.size })),
    ...changes,
  });

Deno.test("runSilo ends with certificate_refused when the aggregator does not know its CA", () =>
  withFederation(async (dir) => {
    await initCa(`${dir}/foreign`);
    await issue({ name: "a", role: "silo", ca: `${dir}/foreign`, out: `${dir}/tls-foreign` });
    // It trusts the aggregator's CA, but its own certificate is another's: only the handshake can tell.
    await withAggregator(dir, async ({ port }, events) => {
      const mixed = {
        ca: await Deno.readTextFile(`${dir}/tls-a/ca.pem`),
        ...await pair(`${dir}/tls-foreign`),
      };
      const error = await assertRejects(() => viaClient(port, mixed), ProtocolError);
      assertEquals(error.code, "certificate_refused");
      assertStringIncludes(error.message, "fedx ca issue");
      assert(events.some((event) => event.type === "refused" && event.peer === "127.0.0.1"));
      const none = await assertRejects(
        () => viaClient(port, { ca: mixed.ca, cert: "", key: "" }),
        ProtocolError,
      );
      assertEquals(none.code, "certificate_refused");
    });
    const error = await assertRejects(() => silo(dir, 1, { tls: `${dir}/tls-nowhere` }), Error);
    assertStringIncludes(error.message, "fedx ca issue");
  }));

async function pair(dir: string): Promise<{ cert: string; key: string }> {
  return { cert: await Deno.readTextFile(`${dir}/cert.pem`), key: await Deno.readTextFile(`${dir}/key.pem`) };
}

async function viaClient(port: number, identity: { ca: string; cert: string; key: string }): Promise<void> {
  const { Client } = await import("../../src/fed/wire/client.ts");
  const given = identity.cert === "" ? { ca: identity.ca } as typeof identity : identity;
  using client = new Client({
    server: new URL(`https://127.0.0.1:${port}`),
    identity: given,
    wait: 2,
    onEvent: () => {},
  });
  await client.view();
}

Deno.test("runSilo refuses an aggregator whose certificate is of another CA", () =>
  withFederation(async (dir) => {
    await initCa(`${dir}/foreign`);
    await issue({ name: "a", role: "silo", ca: `${dir}/foreign`, out: `${dir}/tls-foreign` });
    await withAggregator(dir, async ({ port }) => {
      const error = await assertRejects(() => silo(dir, port, { tls: `${dir}/tls-foreign` }), ProtocolError);
      assertEquals(error.code, "server_certificate");
    });
  }));

Deno.test("runSilo refuses a certificate of another name before it connects", () =>
  withFederation(async (dir) => {
    const error = await assertRejects(() => silo(dir, 1, { tls: `${dir}/tls-b` }), Error);
    assertStringIncludes(error.message, "--silo b");
  }));

Deno.test("runSilo refuses a shard of another size and says how to prepare one", () =>
  withFederation(async (dir) => {
    await withAggregator(dir, async ({ port }) => {
      const error = await assertRejects(() => silo(dir, port, { size: 64 }), ProtocolError);
      assertEquals(error.code, "other_size");
      assertStringIncludes(error.message, "fedx prepare");
      assertStringIncludes(error.message, "--size 32");
    });
  }));

Deno.test("runSilo gives up after `wait` when nobody answers", () =>
  withFederation(async (dir) => {
    const error = await assertRejects(() => silo(dir, freePort(), { wait: 0.3 }), ProtocolError);
    assertEquals(error.code, "unreachable");
  }));

Deno.test("runAggregator says port_in_use, and state_locked for a second process on one state", () =>
  withFederation(async (dir) => {
    await withAggregator(dir, async ({ port }) => {
      const locked = await assertRejects(() => runRole({ dir, port, role: "aggregator" }), ProtocolError);
      assertEquals(locked.code, "state_locked");
      await Deno.mkdir(`${dir}/other`);
      await Deno.symlink(`${dir}/tls-aggregator`, `${dir}/other/tls-aggregator`);
      const taken = await assertRejects(
        () => runRole({ dir: `${dir}/other`, port, role: "aggregator" }),
        ProtocolError,
      );
      assertEquals(taken.code, "port_in_use");
    });
  }));

Deno.test("runAggregator refuses another proposal for the same state and names the fields", () =>
  withFederation(async (dir) => {
    await withAggregator(dir, async () => {});
    const error = await assertRejects(
      () => runRole({ dir, port: freePort(), role: "aggregator", seed: 99 }),
      ProtocolError,
    );
    assertEquals(error.code, "other_proposal");
    assertStringIncludes(error.message, "--seed 7");
    assertStringIncludes(error.message, "--seed 99");
    assert(isUsage(error));
  }));

Deno.test("runAggregator refuses settings that no run can have before it writes anything", () =>
  withFederation(async (dir) => {
    const wrong: [Partial<Proposal>, string][] = [
      [{ size: 16 }, "size"],
      [{ silos: ["a", "b c", "d"] }, "silos.1"],
      [{ silos: ["a", "b", "a"] }, "silos"],
      [{ recipe: { ...preset("default"), warmup: 1 } }, "warmup"],
      [{ quorum: 4 }, "--quorum of 1 to 3"],
      [{ quorum: 0 }, "quorum"],
      [{ roundTimeout: 0 }, "roundTimeout"],
    ];
    for (const [proposal, named] of wrong) {
      const spec: RoleSpec = { dir, port: freePort(), role: "aggregator", proposal };
      const error = await assertRejects(() => runRole(spec), ProtocolError);
      assertEquals(error.code, "bad_proposal");
      assertStringIncludes(error.message, named);
      assert(isUsage(error));
    }
    await assertRejects(() => Deno.stat(`${dir}/state-aggregator`), Deno.errors.NotFound);
  }));

Deno.test("runAggregator names an address it cannot have, and does not call it a port in use", () =>
  withFederation(async (dir) => {
    const start = startVector(TINY);
    const error = await assertRejects(() =>
      runAggregator({
        proposal: proposalOf(start),
        start,
        listen: { host: "192.0.2.1", port: 0 },
        tls: `${dir}/tls-aggregator`,
        state: `${dir}/state`,
        layout: TINY,
      }), ProtocolError);
    assertEquals(error.code, "cannot_listen");
    assertStringIncludes(error.message, "192.0.2.1:0");
  }));

Deno.test("a full disk in the fold ends the run in one sentence, and the silos are told", () =>
  withFederation(async (dir) => {
    const port = freePort();
    const aggregator = runRole({ dir, port, role: "aggregator" }, { onFault: fullAt("before_fold") })
      .catch((error) => error);
    const silos = ["a", "b", "c"].map((role) => runRole({ dir, port, role }).catch((error) => error));
    assertEquals((await aggregator).code, "disk_full");
    for (const silo of await Promise.all(silos)) {
      assertEquals(silo.code, "run_failed");
      assertStringIncludes(silo.message, "free some space");
    }
  }));

Deno.test("runAggregator ends with join_timeout, naming who is missing", () =>
  withFederation(async (dir) => {
    const spec: RoleSpec = { dir, port: freePort(), role: "aggregator", proposal: { joinTimeout: 0.3 } };
    const error = await assertRejects(() => runRole(spec), ProtocolError);
    assertEquals(error.code, "join_timeout");
    assertStringIncludes(error.message, "a, b, c");
  }));

Deno.test("a silo whose training diverges refuses to send, and the aggregator keeps the best model", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { proposal: { roundTimeout: 300, joinTimeout: 600 } });
    const aggregator = run.hub().catch((error) => error);
    const others = ["b", "c"].map((role) => run.silo(role).catch((error) => error));
    const error = await assertRejects(
      () => runRole({ ...run.spec, role: "a" }, { broken: true }),
      ProtocolError,
    );
    assertEquals(error.code, "out_of_range");
    assertStringIncludes(error.message, "a.weight");
    await run.counted(1, "bc");
    run.clock.pass(300);
    await run.when("reopened");
    run.clock.pass(600);
    const ended = await aggregator;
    assertEquals(ended.code, "round_timeout");
    assertStringIncludes(ended.message, "none from a");
    assert((await Deno.stat(`${dir}/state-aggregator/model.safetensors`)).size > 0);
    for (const other of await Promise.all(others)) assertEquals(other.code, "run_failed");
  }));
