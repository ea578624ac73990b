import { assert, assertEquals, assertMatch } from "@std/assert";
import { readEvents } from "../../src/cli/output/history.ts";
import { type Result, resultOf, Roles } from "../testing/roles.ts";

Deno.test("quorum 2: one never comes, one comes late, is stopped past a deadline and comes back: all named", async () => {
  await using roles = new Roles({
    name: "late",
    hub: "--silos a,b,c,d --rounds 8 --quorum 2 --join-timeout 15s --round-timeout 20s",
  });
  const hub = await roles.start("hub");
  const a = await roles.start("a", "delay:150");
  const b = await roles.start("b");
  await roles.when("hub", "row");
  const c = await roles.start("c");
  const { round } = await roles.when("c", "training");
  c.child.kill("SIGSTOP");
  await roles.when("hub", "degraded", (event) => event.round === round);
  c.child.kill("SIGCONT");
  const [result, ...silos] = await Promise.all([hub, a, b, c].map((role) => resultOf(role, "a role")));
  assert(round > 1 && round < 8, `round ${round}`);
  assertEquals(Object.keys(result).slice(0, 2), ["degraded", "missing"]);
  const upTo = (last: number) => Array.from({ length: last }, (_, k) => k + 1);
  assertEquals([result.degraded, result.missing], [true, { c: upTo(round), d: upTo(9) }]);
  assertEquals(silos.map(({ sha256 }) => sha256), [result.sha256, result.sha256, result.sha256]);
  assertEquals(silos.map(({ rounds }) => rounds), [8, 8, 8 - round]);
  const late = (await readEvents(roles.file("hub"))).flatMap((e) =>
    e.type === "late" ? [[e.silo, e.round]] : []
  );
  assertEquals(late, [["c", round]]);
  const dropped = (await readEvents(roles.file("c"))).find((event) => event.type === "update_dropped");
  assert(dropped?.type === "update_dropped" && dropped.code === "round_closed" && dropped.round === round);
  assertMatch((await hub.finished).stderr, new RegExp(`DEGRADED: round ${round} closes without c, d`));
});

Deno.test("quorum 3 of 3: without one the run does not begin; exit 1 names it", async () => {
  await using roles = new Roles({
    name: "alone",
    hub: "--silos a,b,c --rounds 2 --quorum 3 --join-timeout 1s",
  });
  const { code, stderr } = await (await roles.start("hub")).finished;
  assertEquals(code, 1);
  assertMatch(stderr, /expected a, b, c within 1 s, got nothing from a, b, c .*--join-timeout/);
});

Deno.test("aggregate refuses a --quorum of nobody or of more than are invited, exit 2", async () => {
  for (const [quorum, text] of [["4", /expected a --quorum of 1 to 3.*got 4/], ["0", /--quorum/]] as const) {
    await using roles = new Roles({
      name: `refused-${quorum}`,
      hub: `--silos a,b,c --rounds 2 --quorum ${quorum}`,
    });
    const { code, stderr } = await (await roles.start("hub")).finished;
    assertEquals(code, 2, stderr);
    assertMatch(stderr, text);
  }
});

async function undisturbed(settings: string): Promise<Result> {
  await using roles = new Roles({ name: "undisturbed", hub: settings });
  const running = await Promise.all(["hub", "a", "b", "c"].map((role) => roles.start(role)));
  const [result] = await Promise.all(running.map((one) => resultOf(one, "a role")));
  return result;
}

Deno.test("quorum 3 of 3: one stopped past the deadline, SIGTERM to the aggregator and to a silo change nothing", async () => {
  const settings = "--silos a,b,c --rounds 4 --quorum 3 --join-timeout 1m --round-timeout 10s";
  await using roles = new Roles({ name: "stopped", hub: settings });
  const ended = async (role: string, when: "training" | "update_counted", running = roles.start(role)) => {
    const { child, finished } = await running;
    await roles.when(role, when, ({ round }) => round === 3);
    child.kill("SIGTERM");
    const { code, signal, stderr } = await finished;
    assertEquals([code, signal], [0, null], stderr);
    assertMatch(stderr, /Stopped; the same command goes on from here/);
  };
  const a = await roles.start("a");
  const c = await roles.start("c");
  const stopped = Promise.all([ended("hub", "update_counted"), ended("b", "training")]);
  await roles.when("c", "training", ({ round }) => round === 2);
  c.child.kill("SIGSTOP");
  const { missing } = await roles.when("hub", "reopened", ({ round }) => round === 2);
  assertEquals(missing, ["c"]);
  c.child.kill("SIGCONT");
  await stopped;
  const again = await Promise.all(["hub", "b"].map((role) => roles.start(role)));
  const [result] = await Promise.all([...again, a, c].map((one) => resultOf(one, "a role")));
  assertEquals([result.degraded, result.missing], [false, {}]);
  const expected = await undisturbed(settings);
  assertEquals([result.sha256, result.last_sha256], [expected.sha256, expected.last_sha256]);
});
