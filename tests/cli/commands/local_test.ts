import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { runKept } from "../../../src/cli/commands/local.ts";
import { localEnd } from "../../../src/cli/output/local_end.ts";
import { Output } from "../../../src/cli/output/output.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { Trainer, Turn } from "../../../src/fed/training/trainer.ts";
import type { Predictions } from "../../../src/model/predictions.ts";
import { digest } from "../../../src/files/digest.ts";
import { readSafetensors } from "../../../src/model/weights/safetensors.ts";
import { proposalOf } from "../../testing/fake_federation.ts";
import { FakeTrainer, startVector, TINY } from "../../testing/fake_trainer.ts";
import { inFolder } from "../../testing/folder.ts";

/** Its model gets better with each round: after round n, n films with a finding come before all others. */
class Learning extends FakeTrainer {
  #rounds = 0;
  readonly #before: (round: number) => void;

  /** @param before called when a round's training begins, from 1 */
  constructor(before: (round: number) => void) {
    super({ layout: TINY, silo: "a" });
    this.#before = before;
  }

  override async train(turn: Turn, options: Parameters<Trainer["train"]>[1]) {
    this.#before(this.#rounds + 1);
    const trained = await super.train(turn, options);
    this.#rounds++;
    return trained;
  }

  override async predict(): Promise<Predictions> {
    const predictions = await super.predict();
    let left = this.#rounds;
    const logits = Float32Array.from(predictions.labels, (label) => label === 1 && left-- > 0 ? 1 : 0);
    return { ...predictions, logits };
  }
}

/** Its start puts all films with a finding before all others, and no later model does. */
class Forgetting extends Learning {
  #start = true;

  override load(vector: Float32Array): Promise<void> {
    this.#start = digest(vector) === digest(startVector(TINY));
    return super.load(vector);
  }

  override async predict(): Promise<Predictions> {
    const predictions = await super.predict();
    return {
      ...predictions,
      logits: Float32Array.from(predictions.labels, (label, i) => this.#start ? label : i % 3),
    };
  }
}

/** Trains four rounds in `dir`; what it prints. */
function training(dir: string, before: (round: number) => void, Model = Learning) {
  const printed: string[] = [];
  const output = new Output({ json: false, stderr: (text) => void printed.push(text) });
  const start = startVector(TINY);
  const proposal = proposalOf(start, { silos: ["a"], quorum: 1, rounds: 4 });
  const stop = new AbortController();
  const out = `${dir}/m.safetensors`;
  const run = async () => {
    using trainer = new Model(before);
    return await runKept({ trainer, proposal, start, out, signal: stop.signal }, output);
  };
  return { run, out, stop, printed };
}

/** A disk that takes no more, until it is disposed of. */
function fullDisk(): Disposable {
  const { sync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.sync = () =>
    Promise.reject(Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" }));
  return { [Symbol.dispose]: () => Deno.FsFile.prototype.sync = sync };
}

const roundOf = async (path: string) =>
  JSON.parse(readSafetensors(await Deno.readFile(path)).metadata.fedx).round;

Deno.test("local that is stopped keeps its best model and says where", () =>
  inFolder(async (dir) => {
    const { run, out, stop, printed } = training(dir, (round) => {
      if (round === 3) stop.abort(new Error("stopped"));
    });
    await assertRejects(run, Error, "stopped");
    assertEquals(await roundOf(out), 2);
    assertEquals(
      printed.at(-1),
      `the latest model that was selected and written, of round 2, is kept: ${out}\n`,
    );
  }));

Deno.test("local that is stopped while its start is still selected says that what it trained is not kept", () =>
  inFolder(async (dir) => {
    const { run, stop, printed } = training(dir, (round) => {
      if (round === 3) stop.abort(new Error("stopped"));
    }, Forgetting);
    await assertRejects(run, Error, "stopped");
    assertEquals(
      printed.at(-1),
      "no model is kept: none that was trained has been selected and written yet\n",
    );
    assertEquals((await Array.fromAsync(Deno.readDir(dir))).length, 0);
  }));

Deno.test("local whose start nothing trained was better than hands the start over, and says so", () =>
  inFolder(async (dir) => {
    const { run, out } = training(dir, () => {}, Forgetting);
    const result = await run();
    assertEquals([result.selection.round, result.sha256], [0, digest(startVector(TINY))]);
    assertEquals(await roundOf(out), 0);
    assertMatch(localEnd(result), /^the start itself was selected: no round's model was better on val$/m);
  }));

Deno.test("local that is stopped in its first round keeps nothing and says so", () =>
  inFolder(async (dir) => {
    const { run, stop, printed } = training(dir, () => stop.abort(new Error("stopped")));
    await assertRejects(run, Error, "stopped");
    assertEquals(printed.at(-1), "no model is kept: none was trained and scored yet\n");
    assertEquals((await Array.fromAsync(Deno.readDir(dir))).length, 0);
  }));

Deno.test("a disk that is full ends local at its end alone, with the best model that found room", () =>
  inFolder(async (dir) => {
    using disk = new DisposableStack();
    const { run, out, printed } = training(dir, (round) => {
      if (round === 3) disk.use(fullDisk());
    });
    const error = await assertRejects(run, ProtocolError);
    assertMatch(
      error.message,
      /^Cannot write: expected space on the disk of .*m\.safetensors, got none left/,
    );
    assertEquals(await roundOf(out), 2);
    const warnings = printed.filter((text) => text.includes("the training goes on"));
    assertEquals([warnings.length, printed.at(-1)], [
      1,
      `the latest model that was selected and written, of round 2, is kept: ${out}\n`,
    ]);
  }));

Deno.test("a disk that is full from the beginning leaves local nothing, which is not for want of training", () =>
  inFolder(async (dir) => {
    using _ = fullDisk();
    const { run, printed } = training(dir, () => {});
    await assertRejects(run, ProtocolError, "got none left");
    assertEquals(printed.at(-1), "no model is kept: there was no room to write one\n");
  }));

Deno.test("a disk that has room again costs local nothing", () =>
  inFolder(async (dir) => {
    using disk = new DisposableStack();
    const { run, out } = training(dir, (round) => {
      if (round === 2) disk.use(fullDisk());
      if (round === 4) disk.dispose();
    });
    const { selection, sha256 } = await run();
    assertEquals([selection.round, await roundOf(out), sha256.length], [4, 4, 64]);
  }));
