import { assert, assertEquals, assertMatch } from "@std/assert";
import { readEvents } from "../../src/cli/output/history.ts";
import { fileFolder } from "../testing/folder.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { resultOf, Roles } from "../testing/roles.ts";

const dir = await fileFolder();

Deno.test("quorum 2: a silo that is stopped past a deadline is late, comes back and is named", async () => {
  await makeHospitals(dir);
  const hub = "--silos a,b,c --rounds 2 --quorum 2 --batch 8 --round-timeout 15s";
  await using roles = new Roles({ dir, name: "late", hub });
  const [aggregator, a, b, c] = await Promise.all(["hub", "a", "b", "c"].map((role) => roles.start(role)));
  await roles.when("c", "training");
  c.child.kill("SIGSTOP");
  await roles.when("hub", "degraded", ({ round }) => round === 1);
  c.child.kill("SIGCONT");
  const [result, ...silos] = await Promise.all([aggregator, a, b, c].map((role) => resultOf(role, "a role")));
  assertEquals(Object.keys(result).slice(0, 2), ["degraded", "missing"]);
  assertEquals([result.degraded, result.missing], [true, { c: [1] }]);
  assertEquals(silos.map(({ sha256 }) => sha256), [result.sha256, result.sha256, result.sha256]);
  assertEquals(silos.map(({ rounds }) => rounds), [2, 2, 1]);
  const late = (await readEvents(roles.file("hub"))).flatMap((e) =>
    e.type === "late" ? [[e.silo, e.round]] : []
  );
  assertEquals(late, [["c", 1]]);
  const dropped = (await readEvents(roles.file("c"))).find((event) => event.type === "update_dropped");
  assert(dropped?.type === "update_dropped" && dropped.code === "round_closed" && dropped.round === 1);
  assertMatch((await aggregator.finished).stderr, /DEGRADED: round 1 closes without c/);
});

Deno.test("quorum 3 of 3: without one the run does not begin; exit 1 names it", async () => {
  const hub = "--silos a,b,c --rounds 2 --quorum 3 --join-timeout 1s";
  await using roles = new Roles({ dir, name: "alone", hub });
  const { code, stderr } = await (await roles.start("hub")).finished;
  assertEquals(code, 1);
  assertMatch(stderr, /expected a, b, c within 1 s, got nothing from a, b, c .*--join-timeout/);
});

Deno.test("aggregate refuses a --quorum of nobody or of more than are invited, exit 2", async () => {
  for (const [quorum, text] of [["4", /expected a --quorum of 1 to 3.*got 4/], ["0", /--quorum/]] as const) {
    const hub = `--silos a,b,c --rounds 2 --quorum ${quorum}`;
    await using roles = new Roles({ dir, name: `refused-${quorum}`, hub });
    const { code, stderr } = await (await roles.start("hub")).finished;
    assertEquals(code, 2, stderr);
    assertMatch(stderr, text);
  }
});
