import { assert, assertEquals } from "@std/assert";
import { runAggregator } from "../../../src/fed/aggregator/aggregator.ts";
import { runLocal } from "../../../src/fed/training/local.ts";
import { runSilo } from "../../../src/fed/silo/silo.ts";
import type { TrainerSettings } from "../../../src/fed/training/trainer.ts";
import { loadModel } from "../../../src/model/weights/model_file.ts";
import { inFolder } from "../../testing/folder.ts";
import { freePort } from "../../testing/free_port.ts";
import { proposalOf, withFederation } from "../../testing/fake_federation.ts";
import { FakeTrainer, FULL, startVector, TINY } from "../../testing/fake_trainer.ts";

/** Draws what local training draws: the streams of silo 0. */
class SiloZero extends FakeTrainer {
  override configure(settings: TrainerSettings): Promise<void> {
    assertEquals(settings.silo, 1);
    return super.configure({ ...settings, silo: 0 });
  }
}

Deno.test("runLocal equals one silo federated bit for bit", () =>
  withFederation(async (dir) => {
    const start = startVector(TINY);
    const proposal = proposalOf(start, { silos: ["a"], quorum: 1, rounds: 5 });
    const port = freePort();
    const [federated] = await Promise.all([
      runAggregator({
        proposal,
        start,
        layout: TINY,
        listen: { host: "127.0.0.1", port },
        tls: `${dir}/tls-aggregator`,
        state: `${dir}/state`,
      }),
      runSilo({
        silo: "a",
        server: `https://127.0.0.1:${port}`,
        tls: `${dir}/tls-a`,
        state: `${dir}/state-a`,
        trainer: () => Promise.resolve(new SiloZero({ layout: TINY, silo: "a" })),
      }),
    ]);
    using trainer = new FakeTrainer({ layout: TINY, silo: "a" });
    const local = await runLocal({ trainer, proposal, start, out: `${dir}/local.safetensors` });
    assertEquals(local.last_sha256, federated.last_sha256);
    assertEquals(local.sha256, federated.sha256);
    assertEquals(local.selection, federated.selection);
    assertEquals(local.test, federated.test);
    assertEquals(local.images, federated.images);
    assertEquals(local.epochs, 5);
  }));

Deno.test("runLocal with a budget ends within its last 5 % and stores the model", () =>
  inFolder(async (dir) => {
    const start = startVector(FULL);
    const budget = 6;
    const proposal = proposalOf(start, { silos: ["a"], quorum: 1, rounds: null, budget });
    using trainer = new FakeTrainer({ layout: FULL, silo: "a", delay: 0.02 });
    const result = await runLocal({ trainer, proposal, start, out: `${dir}/m.safetensors` });
    assert(result.rounds >= 2, `${result.rounds} rounds`);
    assert(result.seconds > 0.6 * budget && result.seconds <= budget, `${result.seconds} s`);
    assertEquals((await loadModel(result.model)).layout.length, FULL.length);
  }));

Deno.test("runLocal with a budget runs its rounds at any speed that was measured", () =>
  inFolder(async (dir) => {
    const start = startVector(TINY);
    const proposal = proposalOf(start, { silos: ["a"], quorum: 1, rounds: 2, budget: 60 });
    for (const speed of [5e-324, 1e-6, 0, NaN, Infinity]) {
      using trainer = new FakeTrainer({ layout: TINY, silo: "a", speed });
      const { rounds } = await runLocal({ trainer, proposal, start, out: `${dir}/m.safetensors` });
      assertEquals(rounds, 2, `${speed} steps a second`);
    }
  }));
