import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileFolder } from "../testing/folder.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { Roles } from "../testing/roles.ts";

Deno.test("quorum 3 of 3: one that does not come back ends the run; exit 1 names it, the model selected so far is kept", async () => {
  const dir = await fileFolder();
  await makeHospitals(dir);
  const flags = "--silos a,b,c --rounds 9 --batch 8 --join-timeout 20s --round-timeout 2s";
  await using roles = new Roles({ dir, name: "gone", hub: flags });
  const hub = await roles.start("hub");
  const others = [await roles.start("a"), await roles.start("b")];
  const c = await roles.start("c");
  await roles.when("c", "training", ({ round }) => round === 2);
  c.child.kill("SIGKILL");
  const { code, stderr } = await hub.finished;
  assertEquals(code, 1);
  assertMatch(stderr, /none from c; the model selected so far is gone\/hub\/model\.safetensors/);
  assertMatch(stderr, /bring the missing silos back/);
  assert((await Deno.stat(roles.file("hub", "model.safetensors"))).size > 16e6);
  for (const other of others) assertEquals((await other.finished).code, 1);
});
