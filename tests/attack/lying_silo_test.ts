/**
 * What an aggregator makes of a silo with a genuine certificate that lies: each lie is refused by name, nothing of it
 * is counted, and the run of the others ends with the right numbers.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createHash } from "node:crypto";
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { Connection } from "../../src/fed/wire/connection.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import type { Registration, RunView, Scores, UpdateStart } from "../../src/fed/protocol/messages.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { testScores, valScores } from "../../src/fed/training/score_split.ts";
import { fingerprint } from "../../src/model/layout.ts";
import { freePort } from "../testing/free_port.ts";
import { proposalOf, runRole, withFederation } from "../testing/fake_federation.ts";
import { FakeTrainer, startVector, TINY } from "../testing/fake_trainer.ts";
import { frames, registration } from "../testing/open_round.ts";
import { SteppedRun } from "../testing/stepped_run.ts";

// deno-lint-ignore no-explicit-any -- answers of every kind, read field by field
type Json = any;

/** A silo that says what it likes over its own connection. */
class Liar {
  #connection: Connection | null = null;
  readonly #server: URL;
  readonly #tls: string;

  constructor(port: number, tls: string) {
    this.#server = new URL(`https://127.0.0.1:${port}`);
    this.#tls = tls;
  }

  async say(method: "GET" | "POST" | "PUT", path: string, message?: unknown): Promise<Json> {
    if (!this.#connection?.open) {
      this.#connection = await Connection.open(this.#server, await readIdentity(this.#tls));
    }
    const bytes = message instanceof Uint8Array ? message : new TextEncoder().encode(JSON.stringify(message));
    const body = message === undefined ? [] : [bytes];
    const answer = await this.#connection.send({ method, path, body });
    return JSON.parse(new TextDecoder().decode(answer.body));
  }

  view(query = ""): Promise<RunView> {
    return this.say("GET", `/v1/run${query}`);
  }

  /** Waits until the run is as `ready` wants it. */
  async until(ready: (view: RunView) => boolean): Promise<RunView> {
    for (;;) {
      const view = await this.view();
      if (ready(view)) return view;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  [Symbol.dispose](): void {
    this.#connection?.[Symbol.dispose]();
  }
}

/** An update of round `round`, all of its changes `fill`. */
function updateOf(view: RunView, fill: number): { start: UpdateStart; bytes: Uint8Array } {
  const bytes = new Uint8Array(new Float32Array(TINY.length).fill(fill).buffer);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { run, round, row } = view;
  const fixed = {
    layout: fingerprint(TINY),
    bytes: bytes.length,
    examples: 96,
    encoding: 1,
    roster: null,
    wire: 8,
  } as const;
  return { start: { run, round, base: row!.base, sha256, ...fixed }, bytes };
}

/** What the silo would rightly say of a model on its films. */
async function truthOf(model: Float32Array) {
  using trainer = new FakeTrainer({ layout: TINY, silo: "c" });
  const { recipe, histogram } = proposalOf(startVector(TINY));
  await trainer.configure({ recipe, classWeights: [1, 1], seed: 7, silo: 3 });
  await trainer.load(model);
  const split = await trainer.predict();
  return {
    val: valScores(split, { recipe, classWeights: [1, 1], seed: 7 }),
    test: testScores(split, { seed: 7, bins: histogram }),
  };
}

Deno.test("a lying silo is refused by name, lie by lie, and the others' run ends right", (t) =>
  withFederation(async (dir) => {
    const events: FedEvent[] = [];
    const spec = { dir, port: freePort(), rounds: 2 };
    const up = Promise.withResolvers<void>();
    const hub = runRole({ ...spec, role: "aggregator" }, {
      onEvent(event) {
        events.push(event);
        if (event.type === "listening") up.resolve();
      },
    });
    await up.promise;
    const others = ["a", "b"].map((role) => runRole({ ...spec, role }));
    using c = new Liar(spec.port, `${dir}/tls-c`);
    const refused = async (what: string, said: Promise<Json>, code: string | RegExp) => {
      await t.step(what, async () => {
        const answer = await said;
        assert(answer.code !== undefined, `${what}: taken, ${JSON.stringify(answer)}`);
        assertMatch(answer.code, code instanceof RegExp ? code : new RegExp(`^${code}$`));
        assert(answer.expected !== "" && answer.remedy !== "");
        const told = events.findLast((event) => event.type === "refused");
        assert(told?.type === "refused" && told.peer === "c", "the operator is told who");
      });
    };

    const model = async (round: number) =>
      new Float32Array((await Deno.readFile(`${dir}/state-aggregator/models/${round}.f32`)).buffer);

    // Joining.
    const own = registration("c");
    const join = (change: Partial<Registration> = {}) => c.say("POST", "/v1/join", { ...own, ...change });
    const train = (change: object) => ({
      splits: { ...own.splits, train: { ...own.splits.train, ...change } },
    });
    await refused("a huge number of images", join(train({ images: 2 ** 33 })), "bad_request");
    await refused("just under 2^32 images", join(train({ images: 2 ** 32 - 200 })), "bad_request");
    await refused(
      "fewer images than a batch",
      join(train({ images: 2, patients: 2, positives: 1 })),
      "too_few_images",
    );
    await refused("more positives than images", join(train({ positives: 97 })), "impossible_counts");
    await refused("no number as a speed", join({ stepsPerSecond: NaN }), "bad_request");
    await refused("a denormal speed", join({ stepsPerSecond: 5e-324 }), "bad_request");
    await refused("escape codes as a device", join({ device: "\u001b[2Jcpu" }), "bad_request");
    await refused("a new line in a build", join({ build: "x\nwarning: all is well" }), "bad_request");
    await refused("another silo's name", join({ silo: "a" }), "wrong_name");
    await refused("another silo's shard", join({ shard: registration("a").shard }), "same_shard");
    await refused("another label rule", join({ labelRule: "positive:edema" }), "other_labels");
    assertEquals((await join()).code, undefined);

    // The first round.
    const view = await c.until(({ state, row }) => state === "round" && row !== null);
    await refused("a second shard", join({ shard: "0".repeat(64) }), "shard_changed");
    await refused("other counts", join(train({ images: 960, positives: 480 })), "shard_changed");
    await refused("another build", join({ build: "other" }), "other_device");
    const truth = await truthOf(startVector(TINY));
    const said: Scores = { run: view.run, round: 1, ...truth.val };
    const scores = (change: Partial<Scores>) =>
      c.say("POST", `/v1/rounds/${change.round ?? 1}/scores`, { ...said, ...change });
    await refused("scores of other counts", scores({ positives: 40, negatives: 56 }), "wrong_counts");
    await refused("an AUROC beyond 1", scores({ auroc: 1.5 }), "bad_request");
    await refused("scores of a round to come", scores({ round: 2 }), "no_round");
    await refused("test scores before their time", scores({ test: truth.test }), /no_round|round_closed/);
    const { start, bytes } = updateOf(view, 0.01);
    const announce = (change: Partial<UpdateStart> = {}) =>
      c.say("POST", `/v1/rounds/${change.round ?? 1}/update`, { ...start, ...change });
    await refused("more weight than registered", announce({ examples: 9600 }), "wrong_examples");
    await refused("an update of another base", announce({ base: "0".repeat(64) }), "other_base");
    const send = (payload: Uint8Array) => c.say("PUT", "/v1/rounds/1/update?offset=0", frames(payload, 0));
    const broken = updateOf(view, NaN);
    await announce(broken.start);
    await refused("an update that is no number", send(broken.bytes), "out_of_range");
    await announce();
    await refused("other bytes than announced", send(updateOf(view, 0.02).bytes), "digest_mismatch");
    await scores({});
    await announce();
    const { receipt } = await send(bytes);
    assertEquals(receipt.silo, "c");

    // The second round: replayed updates.
    const second = await c.until(({ round, row }) => round === 2 && row !== null);
    await t.step("the same update again is the same update, counted once", async () => {
      assertEquals((await announce()).receipt, receipt);
    });
    await refused(
      "another update of a round that is over",
      announce({ sha256: "0".repeat(64) }),
      "different_update",
    );
    await refused("the old update as the new round's", announce({ round: 2 }), "other_base");
    await refused("scores of the round before", scores({ auroc: 0.123 }), "round_closed");
    const next = updateOf(second, 0.005);
    await c.say("POST", "/v1/rounds/2/scores", { ...said, ...(await truthOf(await model(1))).val, round: 2 });
    await c.say("POST", "/v1/rounds/2/update", next.start);
    await c.say("PUT", "/v1/rounds/2/update?offset=0", frames(next.bytes, 0));

    // The closing phase.
    await c.until(({ state }) => state === "closing");
    await c.say("POST", "/v1/rounds/3/scores", { ...said, ...(await truthOf(await model(2))).val, round: 3 });
    const { selected } = await c.until(({ selected }) => selected !== null);
    const { test } = await truthOf(await model(selected!.round));
    const { positives, negatives } = test;
    const last: Scores = { run: view.run, round: 3, auroc: null, se: null, loss: null, positives, negatives };
    const tested = (change: Partial<typeof test>) =>
      c.say("POST", "/v1/rounds/3/scores", { ...last, test: { ...test, ...change } });
    const { first, positives: up_, negatives: down } = test.histogram!;
    const moved = { first, positives: [...up_].reverse(), negatives: down.map((_, i) => i === 0 ? 48 : 0) };
    await refused("test scores of other counts", tested({ images: 95 }), "wrong_counts");
    await refused(
      "a histogram of more films than there are",
      tested({ histogram: { ...moved, negatives: up_.map(() => 48) } }),
      "wrong_counts",
    );
    await refused(
      "a histogram with cells of one film",
      tested({ histogram: { first: [0, 1], positives: [1, 47], negatives: [0, 48] } }),
      "wrong_counts",
    );
    await refused("an AUROC that its histogram denies", tested({ auroc: 0.01 }), "wrong_counts");
    await refused("an AUROC of 0 with an error of 0", tested({ auroc: 0, se: 0 }), "wrong_counts");
    assertEquals(await tested({}), { received: true });
    await c.until(({ state }) => state === "finished");
    await refused("other test scores, later", tested({ auroc: test.auroc! * 0.999 }), "round_closed");

    await c.view(`?seen=finished.2.1&wait=0`);
    const [result] = await Promise.all([hub, ...others]) as [AggregatorResult];
    assertEquals([result.degraded, result.missing, result.rounds], [false, {}, 2]);
    assertEquals(result.test.silos.c, test);
    assertEquals(events.filter((event) => event.type === "update_counted").length, 6);
  }));

Deno.test("a silo that is silent while connected is lost, and the others' round closes without it", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 1, proposal: { quorum: 2 } });
    const hub = run.hub();
    await run.when("listening");
    using c = new Liar(run.spec.port, `${dir}/tls-c`);
    await c.say("POST", "/v1/join", registration("c"));
    const others = [run.silo("a"), run.silo("b")];
    await run.when("row");
    await run.lose("c");
    const [result] = await Promise.all([hub, ...others]);
    assertEquals([result.degraded, result.missing, result.rounds], [true, { c: [1, 2] }, 1]);
  }));
