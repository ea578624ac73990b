import { assertEquals, assertStringIncludes } from "@std/assert";
import { freePort } from "../testing/free_port.ts";
import { inFolder } from "../testing/folder.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { assertRefused, type Finished, program } from "../testing/program.ts";

/** The program where a process may have so many files open. */
async function confined(args: string[], options: { cwd: string; files: number }): Promise<Finished> {
  const own = await program();
  const { code, signal, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'ulimit -n "$0"; exec "$@"', String(options.files), own.command, ...own.args, ...args],
    cwd: options.cwd,
    signal: AbortSignal.timeout(120_000),
  }).output();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, signal, stdout: out, stderr: errors };
}

Deno.test("processes: an aggregator that may open 128 files does not start and makes no state, and doctor says so", () =>
  inFolder(async (dir) => {
    await makeHospitals(dir);
    const few = { cwd: dir, files: 128 };
    const hub = ["--silos", "a,b,c", "--tls", "tls-hub", "--listen", `127.0.0.1:${freePort()}`];
    const own = ["--rounds", "1", "--size", "32", "--init", "random", "--state", "state-hub", "--new"];
    assertRefused(
      await confined(["aggregate", ...hub, ...own], few),
      /expected at least 256 open files for this process, got 128 \(remedy: .*ulimit -n .*LimitNOFILE/,
    );
    const names = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
    assertEquals(names.filter((name) => name.startsWith("state-hub")), []);
    for (const files of [128, 256]) {
      const { stdout } = await confined(["doctor", "--aggregator", ...hub, "--json"], { cwd: dir, files });
      const { checks } = JSON.parse(stdout);
      const found = checks.find((check: { name: string }) => check.name === "open files");
      assertEquals(found.ok, files === 256);
      assertStringIncludes(found.detail, "at least 256");
    }
  }));
