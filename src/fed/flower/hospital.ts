/** One hospital's answers to what a Flower link asks: each is journalled, made once, and sent until it is there. */
import type { Trainer } from "../training/trainer.ts";
import { diverged, enough } from "../training/score_split.ts";
import { stepsOf } from "../maths/stretch.ts";
import { ascii } from "../protocol/ascii.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import type { NetworkName } from "../../model/networks/networks.ts";
import { auroc, meanLoss } from "../../model/metrics/metrics.ts";
import { preset, type PresetName, type Recipe } from "../../model/recipe.ts";
import { type Layout, layoutOf } from "../../model/layout.ts";
import { initialWeights } from "../../model/weights/initial.ts";
import { isRefusal, refusal } from "../../refusal.ts";
import { type Ask, type Figures, type Names, readAsk, TEMPLATE } from "./app.ts";
import { type Objects, pack, type Said, unpack } from "./codec/content.ts";
import type { NamedArray, RecordDict } from "./codec/records.ts";
import type { Instruction, Journal } from "./journal.ts";
import type { FlowerNode } from "./node.ts";
import { type Asked, clipUpdate, readSettings } from "./settings.ts";
import { readModel, type SentModel, writeModel } from "./weights.ts";

/** What a hospital takes part with. */
export interface HospitalOptions {
  silo: string;
  /** Apps that may ask: `publisher/name`, or the SHA-256 of an app's file. At least one. */
  apps: readonly string[];
  network: NetworkName;
  recipe: PresetName;
  /** Numbers that the hospital sets, where the app says nothing of them. */
  overrides?: Partial<Pick<Recipe, "lr" | "batch" | "localEpochs">>;
  /** Rounds that the schedule of the learning rate spans. @default what the app says, else it stays at its peak */
  rounds?: number;
  /** Settings of apps that are let pass unheeded. @default none */
  ignored?: readonly string[];
  names?: Names;
  /** Seed of augmentation, dropout and the order of films. @default 0 */
  seed?: number;
  /** It tells the random streams of a run's silos apart, from 1. @default made of the node's key */
  number?: number;
  /** Makes the trainer once the app's model is known; disposed of at the end. */
  trainer: (settings: { layout: Layout; recipe: Recipe; seed: number; number: number }) => Promise<Trainer>;
  onEvent?: OnEvent;
  /** Awaited at named moments. @default none */
  faultPoint?: FaultPoint;
  /** Ends it. */
  signal?: AbortSignal;
}

/** Bytes of the largest message: twice the largest network. */
const LARGEST = 256 << 20;
/** Seconds that a reply is kept at the link, where the message says nothing shorter. */
const LIFE = 43_200;
/** Flower's codes of failures: the app failed, and it was not to be had. */
const CODES = { failed: 2n, refused: 6n } as const;

type Parts = HospitalOptions & { number: number; onEvent: OnEvent; journal: Journal; node: FlowerNode };

/** One hospital's answers. */
export class Hospital implements Disposable {
  readonly #parts: Parts;
  #trainer: { trainer: Trainer; made: string } | null = null;
  /** Where the next pass over the films begins. */
  #passes = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Does one instruction to its end. */
  async serve(instruction: Instruction): Promise<void> {
    const { journal, node, onEvent, faultPoint = () => {} } = this.#parts;
    await faultPoint("pulled");
    const { created, ttl, type } = instruction.metadata;
    if (created + ttl <= Date.now() / 1000) {
      onEvent({ type: "warning", text: `the Flower app's ${ascii(type)} is too old to be answered` });
      return await journal.done();
    }
    if (journal.reply === null) {
      const started = performance.now();
      const said = await this.#answer(instruction);
      const packed = pack(said);
      const seconds = (performance.now() - started) / 1000;
      const { metadata } = packed.message;
      const { tree, objects } = packed;
      await journal.answer({ metadata, tree, seconds, ...said.error && { error: said.error } }, objects);
    }
    await faultPoint("answered");
    const { metadata, tree, error, seconds } = journal.reply!;
    const objects: Objects = await journal.kept("reply") ?? new Map();
    const message = { metadata, ...error === undefined ? { content: {} } : { error } };
    await node.push({ message, tree, objects }, { seconds });
    await faultPoint("pushed");
    await journal.done();
  }

  /** The reply to an instruction: what was asked for, or why not. */
  async #answer(instruction: Instruction): Promise<Said> {
    const { metadata } = instruction;
    try {
      return replyTo(metadata, { content: await this.#work(instruction) });
    } catch (error) {
      this.#parts.signal?.throwIfAborted();
      const refused = isRefusal(error) || error instanceof SyntaxError;
      const reason = error instanceof Error ? error.message : String(error);
      this.#parts.onEvent({
        type: "warning",
        text: ascii(`the Flower app's ${metadata.type} is not answered: ${reason}`),
      });
      // The server learns why only where the reason is the app's own: another may name a folder of this machine.
      const told = refused ? reason : "the hospital's training failed";
      return replyTo(metadata, { error: { code: refused ? CODES.refused : CODES.failed, reason: told } });
    }
  }

  async #work(instruction: Instruction): Promise<RecordDict> {
    const { journal, node, names = TEMPLATE } = this.#parts;
    const { metadata: { run, type, message } } = instruction;
    await this.#admit(run);
    const objects = await journal.kept("instruction") ?? await node.pull(instruction, { most: LARGEST });
    const { content } = unpack(message, objects, { most: LARGEST });
    if (content === undefined) throw refuse("a message with content", "none");
    const ask = readAsk({ type, content }, { names });
    if (ask.kind === "parameters") return ask.reply({ arrays: await this.#start() });
    if (ask.kind === "query") return ask.reply({ figures: await this.#counts() });
    return await this.#onModel(ask, instruction);
  }

  /** One model a round is scored: each more would tell more of few films. @throws {RangeError} */
  #once({ metadata: { run, message } }: Instruction, round: number | null): void {
    if (round === null) throw refuse("the number of the round as server-round", "none");
    if (!this.#parts.journal.scores(message, `${run} ${round}`)) {
      throw refuse("one evaluate a round", "another");
    }
  }

  /** @throws {RangeError} unless the run's app is one of those that the hospital lets ask. */
  async #admit(run: bigint): Promise<void> {
    const { app, hash } = await this.#parts.node.appOf(run);
    if (this.#parts.apps.some((one) => one === app || one === hash)) return;
    throw refuse(`an app of ${this.#parts.apps.join(", ")}`, `${app} (${hash})`);
  }

  async #onModel(ask: Ask, instruction: Instruction): Promise<RecordDict> {
    const { network, ignored = [], onEvent, faultPoint = () => {} } = this.#parts;
    const told = readSettings(ask.config, { ignored });
    const asked = { ...told, round: told.round ?? roundOf(instruction) };
    if (ask.kind === "evaluate") this.#once(instruction, asked.round);
    const model = readModel(ask.arrays!, { network });
    const recipe = this.#recipe(asked);
    const trainer = await this.#trainerOf(model.layout, recipe);
    await trainer.load(model.vector);
    if (ask.kind === "evaluate") {
      const figures = await this.#figures(trainer, recipe);
      const { auroc, loss } = figures;
      const scores = { run: "", round: asked.round ?? 0, auroc, se: null, loss, positives: 0, negatives: 0 };
      onEvent({ type: "scored", silo: this.#parts.silo, round: scores.round, scores });
      return ask.reply({ figures });
    }
    const turn = this.#turn(asked, trainer, recipe);
    const round = asked.round ?? 0;
    onEvent({ type: "training", round, ...turn });
    await faultPoint("training");
    if (turn.steps === 0) throw refuse("a round of at least one step", "none: fewer films than a batch");
    const losses = { sum: 0, steps: 0 };
    const { vector } = await trainer.train(turn, {
      signal: this.#parts.signal,
      onStep: (k, loss) => {
        losses.sum += loss * (k - losses.steps);
        losses.steps = k;
        onEvent({ type: "step", round, k, K: turn.steps, loss });
      },
    });
    if (asked.clip !== null) clipUpdate(vector, model.vector, asked.clip);
    const figures = { examples: trainer.shard.splits.train.images, loss: losses.sum / losses.steps };
    return ask.reply({ figures, arrays: writeModel(vector, model, turn) });
  }

  #recipe({ recipe }: Asked): Recipe {
    // Statistics follow to the end: when they are to stay, the whole federation must know.
    return preset(this.#parts.recipe, { ...this.#parts.overrides, ...recipe, bn: 1 }, { silos: 2 });
  }

  /** The steps of a round; without a number of rounds the learning rate is that of the middle of the run. */
  #turn({ round, rounds }: Asked, trainer: Trainer, { localEpochs, batch, warmup }: Recipe) {
    const from = round === null ? this.#passes : (round - 1) * localEpochs;
    this.#passes = from + localEpochs;
    const all = this.#parts.rounds ?? rounds;
    const part = (done: number) => all === null ? warmup : Math.min(1, done / (all * localEpochs));
    const steps = stepsOf({ from, to: this.#passes }, { train: trainer.shard.splits.train.images, batch });
    return { ...steps, p0: part(from), p1: part(this.#passes) };
  }

  async #trainerOf(layout: Layout, recipe: Recipe): Promise<Trainer> {
    const { seed = 0, number } = this.#parts;
    const made = JSON.stringify(layout.channels);
    if (this.#trainer?.made !== made) {
      this.#trainer?.trainer[Symbol.dispose]();
      this.#trainer = null;
      this.#trainer = { trainer: await this.#parts.trainer({ layout, recipe, seed, number }), made };
    }
    const { trainer } = this.#trainer;
    await trainer.configure({ recipe, classWeights: [1, 1], seed, silo: number });
    return trainer;
  }

  /** Figures of the loaded model on `val`. @throws {RangeError} below 10 patients of either class there, or for NaN */
  async #figures(trainer: Trainer, recipe: Recipe): Promise<Figures> {
    const predictions = await trainer.predict("val");
    if (diverged(predictions)) throw refuse("a model whose outputs are numbers", "NaN");
    if (!enough(predictions)) throw refuse("10 patients of either class in val", "fewer");
    const { logits, labels } = predictions;
    const right = logits.filter((logit, film) => (logit > 0) === (labels[film] === 1)).length;
    return {
      examples: labels.length,
      loss: meanLoss(logits, labels, recipe, [1, 1]),
      accuracy: right / labels.length,
      auroc: auroc(logits, labels),
    };
  }

  async #counts(): Promise<Pick<Figures, "examples">> {
    const { network, recipe } = this.#parts;
    const layout = layoutOf(network, { channels: 1 });
    const { shard } = await this.#trainerOf(layout, preset(recipe, { bn: 1 }));
    return { examples: shard.splits.train.images };
  }

  /** A start for an app that asks one of the hospitals for it. */
  async #start(): Promise<NamedArray[]> {
    const { network, seed = 0 } = this.#parts;
    const { layout, vector } = await initialWeights(layoutOf(network, { channels: 1 }), {
      init: "imagenet",
      seed,
    });
    const sent: SentModel = { layout, vector: vector.slice(), counters: new Map(), list: true };
    return writeModel(vector, sent, { steps: 0 });
  }

  [Symbol.dispose](): void {
    this.#trainer?.trainer[Symbol.dispose]();
  }
}

/** The number of the round as the message's group has it, where its configuration says none. */
function roundOf({ metadata: { group } }: Instruction): number | null {
  return /^[1-9]\d{0,8}$/.test(group) ? Number(group) : null;
}

/** A reply's metadata: back to where the message came from, no longer alive than that. */
function replyTo(asked: Instruction["metadata"], said: Pick<Said, "content" | "error">): Said {
  const created = Date.now() / 1000;
  const { run, group, type } = asked;
  return {
    metadata: {
      ...{ run, group, type, created, message: "", replyTo: asked.message },
      ...{ source: asked.destination, destination: asked.source },
      ...asked.destinationTask !== undefined && { sourceTask: asked.destinationTask },
      ...asked.sourceTask !== undefined && { destinationTask: asked.sourceTask },
      ttl: Math.min(LIFE, asked.created + asked.ttl - created),
    },
    ...said,
  };
}

const refuse = (expected: string, got: string) =>
  refusal(RangeError, { what: "Cannot answer the Flower app", expected, got });
