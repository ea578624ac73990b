/** Rounds of a quarter of a pass by real processes with the engine: two thirds of a step of a hospital's 32 films each. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { readEvents } from "../../src/cli/output/history.ts";
import { Federation, hashes } from "../e2e/federation.ts";
import { receiptsOf } from "../testing/fake_federation.ts";
import { inFolder } from "../testing/folder.ts";
import { makeHospitals, SILOS } from "../testing/hospitals.ts";

// Not masked: there each hospital has a step in every round.
const FLAGS = ["--unmasked", "--batch", "12", "--local-epochs", ".25"];

Deno.test("rounds of a quarter of a pass with the engine: a SIGKILL of a silo and of the aggregator change no digest", () =>
  inFolder(async (dir) => {
    await makeHospitals(dir);
    const usual = { dir, rounds: 5, flags: FLAGS };
    const plain = await new Federation({ ...usual, name: "plain" }).run();
    const { hub, ...silos } = plain;
    assertEquals([hub.rounds, hub.degraded], [5, false]);
    assertNotEquals(hub.last_sha256, (hub.init as { sha256: string }).sha256);
    // floor(5 · .25 · 32 / 12) = 3 steps, in rounds 2, 3 and 5.
    assertEquals(hub.images, { trained: 3 * 3 * 12, scored: 3 * 20 * 4 });
    assertEquals(
      receiptsOf(`${dir}/plain/hub`).map((line) => line.slice(0, 3)),
      [2, 3, 5].flatMap((round) => {
        return SILOS.map((silo) => `${round} ${silo}`);
      }),
    );
    assertEquals(
      Object.values(silos).map(({ sha256, rounds }) => [sha256, rounds]),
      SILOS.map(() => [hub.sha256, 5]),
    );
    const faults = { b: ["kill:scores_sent:1"], hub: ["kill:committed:2"] };
    const disturbed = new Federation({ ...usual, name: "killed", faults });
    assertEquals(hashes(await disturbed.run()), hashes(plain));
    assertEquals(disturbed.fallen.map(({ role }) => role).sort(), ["b", "hub"]);
    const events = await readEvents(`${dir}/plain/hub/events.jsonl`);
    const scored = new Set(events.flatMap((event) => event.type === "scored" ? [event.scores.round] : []));
    assertEquals([...scored].sort(), [1, 5, 6]);
    assert(events.every((event) => event.type !== "scored" || event.scores.positives > 0));
  }));
