import { assertEquals, assertRejects } from "@std/assert";
import { run as aggregate } from "../../src/cli/commands/aggregate.ts";
import { settle } from "../../src/cli/options/settings.ts";
import { startOf } from "../../src/cli/start.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("startOf needs no temporary folder unless it fetches", async () => {
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", "/nonexistent");
  try {
    const start = await startOf({ network: "efficientnet_b0", channels: 1, init: "random", seed: 1 });
    assertEquals(start.kind, "random");
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
});

Deno.test("aggregate looks at its settings and certificate before it reads or fetches weights", () =>
  inFolder(async (dir) => {
    const start = async (given: Record<string, unknown>) => {
      const all = { silos: ["a"], rounds: 1, tls: `${dir}/tls`, init: `${dir}/none`, ...given };
      const { values } = await settle("aggregate", all);
      await aggregate({ values } as never);
    };
    await assertRejects(() => start({ quorum: 2 }), Error, "a --quorum of 1 to 1");
    await assertRejects(() => start({}), Error, `Cannot read ${dir}/tls/ca.pem`);
  }));
