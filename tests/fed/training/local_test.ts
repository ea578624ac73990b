import { assert, assertEquals } from "@std/assert";
import { runAggregator } from "../../../src/fed/aggregator/aggregator.ts";
import { runLocal } from "../../../src/fed/training/local.ts";
import type { Proposal } from "../../../src/fed/protocol/messages.ts";
import type { RoundResult } from "../../../src/fed/training/result.ts";
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

/** Whole passes over 96 films; quarters of a pass over 40, of which most rounds have no step, and score nothing. */
const LENGTHS: Record<string, { images: number; changes: Partial<Proposal>; epochs: number }> = {
  "whole passes": { images: 96, changes: { rounds: 5 }, epochs: 5 },
  "quarters of a pass": { images: 40, changes: { rounds: 10, localEpochs: 0.25 }, epochs: 3 * 32 / 40 },
};

for (const [what, { images, changes, epochs }] of Object.entries(LENGTHS)) {
  Deno.test(`runLocal equals one silo federated bit for bit, in rounds of ${what}`, () =>
    withFederation(async (dir) => {
      const start = startVector(TINY);
      const proposal = proposalOf(start, { silos: ["a"], quorum: 1, ...changes });
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
          accept: { minTrainPatients: 40 },
          trainer: () => Promise.resolve(new SiloZero({ layout: TINY, silo: "a", images })),
        }),
      ]);
      using trainer = new FakeTrainer({ layout: TINY, silo: "a", images });
      const local = await runLocal({ trainer, proposal, start, out: `${dir}/local.safetensors` });
      assertEquals(local.last_sha256, federated.last_sha256);
      assertEquals(local.sha256, federated.sha256);
      assertEquals(local.selection, federated.selection);
      assertEquals(local.test, federated.test);
      assertEquals(local.images, federated.images);
      const curve = ({ history }: { history: RoundResult[] }) =>
        history.map(({ round, auroc, silos }) => ({ round, auroc, silos }));
      assertEquals(curve(local), curve(federated));
      assertEquals(local.epochs, epochs);
    }, ["a"]));
}

Deno.test("runLocal with a budget ends within its last 5 % and stores the model", () =>
  inFolder(async (dir) => {
    const start = startVector(FULL);
    const budget = 60;
    let now = 0;
    const pass = (seconds: number) => void (now += seconds);
    const proposal = proposalOf(start, { silos: ["a"], quorum: 1, rounds: null, budget });
    using trainer = new FakeTrainer({ layout: FULL, silo: "a", delay: 1, pass });
    const result = await runLocal({ trainer, proposal, start, out: `${dir}/m.safetensors`, now: () => now });
    assert(result.rounds >= 2, `${result.rounds} rounds`);
    assert(result.seconds >= 0.95 * budget && result.seconds <= budget, `${result.seconds} s`);
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
