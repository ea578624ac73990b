import { assert, assertEquals, assertRejects } from "@std/assert";
import { roleSettings } from "../../../../src/cli/commands/doctor/settings.ts";
import { UsageError } from "../../../../src/cli/options/usage_error.ts";
import { inFolder } from "../../../testing/folder.ts";

const RUN = '[run]\nsilos = ["a", "b"]\nlisten = "0.0.0.0:9"\n';
const SILO = '[silo.b]\nserver = "https://hub:1"\nshard = "films"\naccept = { max_rounds = 5 }\n';

Deno.test("roleSettings: flags over the role's section over the defaults of train and aggregate", () =>
  inFolder(async (dir) => {
    const config = `${dir}/fedx.toml`;
    await Deno.writeTextFile(config, RUN + SILO);
    const silo = await roleSettings({ config, silo: "b", server: new URL("https://other:2") });
    assert(silo.role === "silo");
    assertEquals([silo.role, silo.values.server, silo.values.shard], [
      "silo",
      new URL("https://other:2"),
      `${dir}/films`,
    ]);
    assertEquals([silo.values.device, silo.values.tls, silo.accept?.maxRounds], ["auto", undefined, 5]);
    const hub = await roleSettings({ config, aggregator: true });
    assert(hub.role === "aggregator");
    assertEquals([hub.values.listen, hub.values.silos], [{ host: "0.0.0.0", port: 9 }, ["a", "b"]]);
    assertEquals(hub.values.state, "fedx-state/aggregator");
    await assertRejects(() => roleSettings({ config, silo: "b", aggregator: true }), UsageError, "both");
    await assertRejects(() => roleSettings({ config: `${dir}/none.toml` }), UsageError, "fedx init");
  }));

Deno.test("roleSettings: a file with one section decides by itself, one with several or none does not", () =>
  inFolder(async (dir) => {
    const config = `${dir}/fedx.toml`;
    const roleOf = async (text: string) => {
      await Deno.writeTextFile(config, text);
      return (await roleSettings({ config })).role;
    };
    assertEquals(await roleOf(RUN), "aggregator");
    assertEquals(await roleOf(SILO), "silo");
    for (const text of [RUN + SILO, SILO + SILO.replace("silo.b", "silo.c"), ""]) {
      assertEquals(await roleOf(text), null);
    }
  }));
