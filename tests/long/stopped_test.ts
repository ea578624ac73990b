/** Runs of real processes that all wait for all: one whose silo is stopped for a while, and one of another seed. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { fileFolder } from "../testing/folder.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { resultOf, Roles } from "../testing/roles.ts";

const dir = await fileFolder();

/** Runs two rounds; returns SHA-256 of the selected and of the last model. */
async function hashes(
  name: string,
  seed: number,
  disturb: (roles: Roles, c: Deno.ChildProcess) => Promise<void>,
) {
  await using roles = new Roles({ dir, name, hub: `--silos a,b,c --rounds 2 --batch 8 --seed ${seed}` });
  const [hub, , , c] = await Promise.all(["hub", "a", "b", "c"].map((role) => roles.start(role)));
  await disturb(roles, c.child);
  const { sha256, last_sha256, degraded } = await resultOf(hub, "hub");
  assertEquals(degraded, false);
  return [sha256, last_sha256];
}

Deno.test("a silo that is stopped in training and goes on gives the hashes of a run that nothing stops; another seed others", async () => {
  await makeHospitals(dir);
  const plain = await hashes("plain", 0, async () => {});
  const stopped = await hashes("stopped", 0, async (roles, c) => {
    await roles.when("c", "training");
    c.kill("SIGSTOP");
    // The others are ready, and the round stays open for the one that is stopped.
    for (const silo of ["a", "b"]) await roles.when("hub", "ready", (event) => event.silo === silo);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    c.kill("SIGCONT");
  });
  assertEquals(stopped, plain);
  assertNotEquals((await hashes("other", 1, async () => {}))[1], plain[1]);
});
