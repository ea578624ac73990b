import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { run as issue } from "../../../src/cli/commands/ca/issue.ts";
import { requireHost } from "../../../src/cli/options/names.ts";
import { UsageError } from "../../../src/cli/options/parse.ts";
import { run as train } from "../../../src/cli/commands/train.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("requireHost takes DNS names and addresses, nothing with scheme, brackets or port", () => {
  for (const host of ["localhost", "hub.example", "my_hub", "10.0.0.7", "::1", "fe80::1"]) requireHost(host);
  for (const host of ["", "https://hub", "hub:8443", "[::1]", "10.0.0.999", "1.2.3", "a b", "-a", "a..b"]) {
    assertThrows(() => requireHost(host), UsageError, "Cannot read --host");
  }
});

Deno.test("ca issue and train refuse a name that no certificate can hold, before any folder is made", () =>
  inFolder(async (dir) => {
    const name = { role: "silo", ca: `${dir}/ca`, out: `${dir}/tls` };
    await assertRejects(() => issue({ values: { ...name, NAME: "b b" } } as never), UsageError, '"b b"');
    const host = { ...name, NAME: "hub", role: "aggregator", host: ["https://hub"] };
    await assertRejects(() => issue({ values: host } as never), UsageError, "--host");
    const silo = { silo: "../a", server: "https://hub", shard: `${dir}/shard`, state: `${dir}/state` };
    await assertRejects(() => train({ values: silo } as never), UsageError, '"../a"');
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
  }));
