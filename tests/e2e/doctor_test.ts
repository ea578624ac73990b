import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Check } from "../../src/cli/commands/doctor/check.ts";
import { waitForEvent } from "../../src/cli/output/history.ts";
import { preset } from "../../src/model/recipe.ts";
import { freePort } from "../testing/free_port.ts";
import { inFolder } from "../testing/folder.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { run, start } from "../testing/program.ts";

interface Report {
  code: number;
  role: string | null;
  checks: Check[];
}

async function doctor(
  args: string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<Report> {
  const { code, stdout, stderr } = await run(["doctor", ...args, "--json"], options);
  assert(stdout.trim().split("\n").length === 1, stderr);
  return { code, ...JSON.parse(stdout) };
}

const failures = (report: Report) =>
  report.checks.filter((check) => check.ok === false).map((check) => check.name);

Deno.test("doctor: a silo with everything in place passes every check; faults are named, with remedies, exit 1", () =>
  inFolder(async (dir) => {
    await makeHospitals(dir);
    const cwd = { cwd: dir };
    const listen = `127.0.0.1:${freePort()}`;
    const hub = ["--silos", "a,b,c", "--tls", "tls-hub", "--listen", listen];
    const free = await doctor(["--aggregator", ...hub], cwd);
    assertEquals([free.code, free.role, failures(free)], [0, "aggregator", []]);
    const aggregator = await start(
      ["aggregate", ...hub, "--rounds", "1", "--size", "32", "--init", "random", "--state", "state-hub"],
      cwd,
    );
    try {
      const signal = AbortSignal.timeout(60_000);
      await waitForEvent(`${dir}/state-hub/events.jsonl`, { type: "listening", signal });
      await Deno.writeTextFile(
        `${dir}/fedx.toml`,
        `[silo.a]\nserver = "https://${listen}"\ntls = "tls-a"\nshard = "shard-a"\n` +
          "accept = { min_train_patients = 8 }\n",
      );
      const good = await doctor([], cwd);
      assertEquals([good.code, good.role], [0, "silo"]);
      assertEquals(good.checks.filter((check) => check.ok !== true), []);
      const speed = good.checks.find((check) => check.name === "speed")!;
      assertStringIncludes(speed.detail, `steps/s of ${preset("default").batch} films`);
      assertEquals(failures(await doctor(["--aggregator", ...hub], cwd)), ["listen"]);
      const bad = await doctor(["--silo", "a", "--tls", "tls-b", "--shard", "films-a"], {
        ...cwd,
        env: { FEDX_LIBTORCH: `${dir}/nowhere` },
      });
      assertEquals(bad.code, 1);
      assertEquals(failures(bad), ["libtorch", "certificate", "shard"]);
      for (const check of bad.checks) assert(check.ok !== false || check.remedy!.length > 5, check.name);
    } finally {
      aggregator.child.kill("SIGTERM");
      await aggregator.finished;
    }
    const gone = await doctor([], cwd);
    assertEquals([gone.code, failures(gone)], [1, ["connection"]]);
  }));
