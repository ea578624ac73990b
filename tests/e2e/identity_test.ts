import { assert, assertEquals } from "@std/assert";
import { waitForEvent } from "../../src/cli/output/history.ts";
import { issue } from "../../src/fed/pki/ca.ts";
import { freePort } from "../testing/free_port.ts";
import { inFolder } from "../testing/folder.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { assertRefused, run, runJson, start } from "../testing/program.ts";

Deno.test("processes: request, sign and revoke carry a silo in and out again; expired, early and wrong-role certificates exit 1", () =>
  inFolder(async (dir) => {
    await makeHospitals(dir);
    const cwd = { cwd: dir };
    const ca = ["--ca", "ca"];
    // The way of real sites: the key never leaves tls-a2.
    const made = await runJson(["ca", "request", "a", "--role", "silo", "--out", "tls-a2"], cwd);
    const signed = await runJson([
      "ca",
      "sign",
      "tls-a2/request.pem",
      "--name",
      "a",
      "--role",
      "silo",
      ...ca,
      "--out",
      "back",
    ], cwd);
    assertEquals([signed.name, signed.role, signed.key], ["a", "silo", made.key]);
    for (const name of ["cert.pem", "ca.pem"]) {
      await Deno.copyFile(`${dir}/back/${name}`, `${dir}/tls-a2/${name}`);
    }
    await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-old`, lifetime: -60 });
    const from = new Date(Date.now() + 86_400_000);
    await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-early`, from });
    const port = freePort();
    const aggregate = (tls: string, state: string) => [
      ...["aggregate", "--silos", "a,b,c", "--tls", tls, "--listen", `127.0.0.1:${port}`, "--rounds", "1"],
      ...["--size", "32", "--init", "random", "--state", state],
    ];
    const train = (tls: string) => [
      ...["train", "--silo", "a", "--server", `https://127.0.0.1:${port}`, "--tls", tls],
      ...["--shard", "shard-a", "--state", `state-${tls}`, "--wait", "20s"],
    ];
    assertRefused(
      await run(aggregate("tls-a", "state-x"), cwd),
      /expected a certificate of the role aggregator, got one of the role silo/,
    );
    const hub = await start(aggregate("tls-hub", "state-hub"), cwd);
    try {
      const signal = AbortSignal.timeout(60_000);
      await waitForEvent(`${dir}/state-hub/events.jsonl`, { type: "listening", signal });
      assertRefused(
        await run(train("tls-hub"), cwd),
        /expected a certificate of the role silo, got one of the role aggregator/,
      );
      assertRefused(await run(train("tls-old"), cwd), /one that expired on .*fedx ca request/);
      assertRefused(await run(train("tls-early"), cwd), /set this machine's clock/);
      const revoked = await runJson(["ca", "revoke", "a", ...ca, "--tls", "tls-hub"], cwd);
      assertEquals((revoked.revoked as unknown[]).length, 4);
      assertRefused(await run(train("tls-a2"), cwd), /was revoked on .*fedx ca request/);
    } finally {
      hub.child.kill("SIGTERM");
      assertEquals((await hub.finished).code, 143);
    }
    const log = await Deno.readTextFile(`${dir}/state-hub/events.jsonl`);
    assert(
      log.includes("certificate_revoked") && !/"type":"(pulled|joined)"/.test(log),
      log,
    );
  }));
