import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runFederation, withFederation } from "../../testing/fake_federation.ts";
import { freePort } from "../../testing/free_port.ts";
import { runCommand } from "../../testing/run_command.ts";

Deno.test("train on a finished run whose shard has gone tells the result, and its next command names no shard", () =>
  withFederation(async (dir) => {
    const port = freePort();
    await runFederation({ dir, port, rounds: 1 });
    const { code, stdout, stderr } = await runCommand(
      ...["train", "--silo", "a", "--server", `https://127.0.0.1:${port}`, "--tls", `${dir}/tls-a`],
      ...["--state", `${dir}/state-a`, "--shard", `${dir}/gone`],
    );
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /^next: fedx evaluate --model .*--shard SHARD$/ms);
    assertEquals(stdout.includes("gone"), false);
    assertStringIncludes(stderr, "--new begins another");
  }));
