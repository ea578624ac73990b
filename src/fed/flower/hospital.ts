/** One hospital's answers to what a Flower link asks: each is journalled, made once, and sent until it is there. */
import type { Trainer } from "../training/trainer.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import type { NetworkName } from "../../model/networks/networks.ts";
import type { Recipe } from "../../model/recipe.ts";
import { type Layout, layoutOf } from "../../model/layout.ts";
import { initialWeights } from "../../model/weights/initial.ts";
import { type Ask, type Names, readAsk, TEMPLATE } from "./app.ts";
import { type Objects, pack, type Said, unpack } from "./codec/content.ts";
import type { NamedArray, RecordDict } from "./codec/records.ts";
import { pull, push } from "./delivery.ts";
import type { Instruction, Journal } from "./journal.ts";
import { LinkError } from "./link/link.ts";
import type { FlowerNode } from "./node.ts";
import { AppRefused, cut, reading } from "./refused.ts";
import { readSettings } from "./settings.ts";
import { evaluate, type OwnSettings, recipeOf, train, turnOf } from "./turn.ts";
import { readModel, startModel, writeModel } from "./weights.ts";

/** What a hospital takes part with. */
export interface HospitalOptions extends OwnSettings {
  silo: string;
  /** Apps that may ask: `publisher/name`, or the SHA-256 of an app's file. At least one. */
  apps: readonly string[];
  network: NetworkName;
  /** Its training films. */
  films: number;
  /** Most rounds and passes that a run may ask for. @default any */
  limits?: { rounds?: number; passes?: number };
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
/** Seconds that a reply is kept at the link, and worked on, where the message says nothing shorter. */
const LIFE = 43_200;
/** Passes are multiplied in doubles. */
const ROUNDING = 1e-6;
/** Flower's codes of failures: the app failed, and it was not to be had. */
const CODES = { failed: 2n, refused: 6n } as const;

type Parts = HospitalOptions & { number: number; onEvent: OnEvent; journal: Journal; node: FlowerNode };

/** One hospital's answers. */
export class Hospital implements Disposable {
  readonly #parts: Parts;
  #trainer: { trainer: Trainer; channels: number } | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Does one instruction to its end: a reply is there, or nobody waits for one.
   * @throws {LinkError} of kind `unknown` · the signal's reason
   */
  async serve(instruction: Instruction): Promise<void> {
    const { journal, signal, faultPoint = () => {} } = this.#parts;
    await faultPoint("pulled");
    const { created, ttl, type } = instruction.metadata;
    const left = Math.min(LIFE, created + ttl - Date.now() / 1000);
    const late = AbortSignal.timeout(Math.max(0, left * 1000));
    try {
      if (!(left > 0)) throw new TooLate();
      await this.#reply(instruction, signal === undefined ? late : AbortSignal.any([signal, late]));
    } catch (error) {
      signal?.throwIfAborted();
      const over = late.aborted || error instanceof TooLate;
      if (!over && !(error instanceof LinkError && error.kind !== "unknown")) throw error;
      const why = over ? "its time is over" : (error as Error).message;
      this.#warn(`the Flower app's ${type} is dropped: ${why}`);
    }
    await journal.done();
    await faultPoint("done");
  }

  /** Makes the reply, unless it is there from an earlier life, and sends it. */
  async #reply(instruction: Instruction, signal: AbortSignal): Promise<void> {
    const { journal, faultPoint = () => {} } = this.#parts;
    const admitted = await this.#admit(instruction.metadata.run);
    let objects = admitted === null ? await journal.replyObjects() : null;
    if (objects === null) {
      const started = performance.now();
      const said = await this.#answer(instruction, { admitted, signal });
      const packed = pack(said);
      const seconds = (performance.now() - started) / 1000;
      const { message: { metadata }, tree } = packed;
      objects = packed.objects;
      await journal.answer({ metadata, tree, seconds, ...said.error && { error: said.error } }, objects);
    }
    await faultPoint("answered");
    const { metadata, tree, error, seconds } = journal.reply!;
    const message = { metadata, ...error === undefined ? { content: {} } : { error } };
    await push({ message, tree, objects }, { ...this.#parts, seconds, signal });
    await faultPoint("pushed");
  }

  /** Null where the run's app is one of those that the hospital lets ask, else why not. */
  async #admit(run: bigint): Promise<AppRefused | null> {
    const { apps, node } = this.#parts;
    const { app, hash } = await node.appOf(run);
    if (apps.some((one) => one === app || one === hash)) return null;
    this.#warn(`an app is not let ask: expected ${apps.join(", ")} (--app), got ${app} (${hash})`);
    // Whoever is not on the list need not learn who is.
    return AppRefused.of({ expected: "an app that this hospital lets ask", got: `${app} (${hash})` });
  }

  /** The reply to an instruction: what was asked for, or why not. */
  async #answer(
    instruction: Instruction,
    { admitted, signal }: { admitted: AppRefused | null; signal: AbortSignal },
  ): Promise<Said> {
    const { metadata } = instruction;
    try {
      if (admitted !== null) throw admitted;
      return replyTo(metadata, { content: await this.#work(instruction, signal) });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof LinkError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      this.#warn(`the Flower app's ${metadata.type} is not answered: ${reason}`);
      return replyTo(metadata, {
        error: error instanceof AppRefused
          ? { code: CODES.refused, reason }
          : { code: CODES.failed, reason: "the hospital's training failed" },
      });
    }
  }

  #warn(text: string): void {
    this.#parts.onEvent({ type: "warning", text: cut(text) });
  }

  async #work(instruction: Instruction, signal: AbortSignal): Promise<RecordDict> {
    const { journal, names = TEMPLATE, films } = this.#parts;
    const { type, message } = instruction.metadata;
    const objects: Objects = await journal.instructionObjects() ??
      await pull(instruction, { ...this.#parts, most: LARGEST, signal });
    const ask = reading(() => {
      const { content } = unpack(message, objects, { most: LARGEST });
      if (content !== undefined) return readAsk({ type, content }, { names });
      throw AppRefused.of({ expected: "a message with content", got: "none" });
    });
    if (ask.kind === "parameters") return ask.reply({ arrays: await this.#start() });
    if (ask.kind === "query") return ask.reply({ figures: { examples: films } });
    return await this.#onModel(ask, { instruction, signal });
  }

  async #onModel(
    ask: Ask,
    { instruction, signal }: { instruction: Instruction; signal: AbortSignal },
  ): Promise<RecordDict> {
    const { network, films, silo, onEvent, ignored = [], faultPoint = () => {} } = this.#parts;
    const asked = reading(() => readSettings(ask.config, { ignored }));
    const round = asked.round ?? roundOf(instruction);
    const recipe = recipeOf(asked, this.#parts);
    this.#once(ask.kind as "train" | "evaluate", { instruction, round, recipe });
    const turn = ask.kind === "train"
      ? turnOf(
        { round, rounds: asked.rounds ?? this.#parts.rounds ?? null },
        recipe,
        { films },
      )
      : null;
    const model = reading(() => readModel(ask.arrays!, { network }));
    const trainer = await this.#trainerOf(model.layout, recipe);
    await trainer.load(model.vector);
    const parts = { trainer, recipe, silo, round, onEvent, signal };
    if (turn === null) return ask.reply({ figures: await evaluate(parts) });
    await faultPoint("training");
    const { vector, figures } = await train(model, turn, { ...parts, clip: asked.clip });
    return ask.reply({ figures, arrays: writeModel(vector, model, turn) });
  }

  /**
   * Each round of a run trains once and scores one model once, in their order: more of either would tell more of few films.
   * @throws {AppRefused}
   */
  #once(
    kind: "train" | "evaluate",
    { instruction, round, recipe }: { instruction: Instruction; round: number; recipe: Recipe },
  ): void {
    const { rounds = Infinity, passes = Infinity } = this.#parts.limits ?? {};
    const { run, message } = instruction.metadata;
    if (!Number.isSafeInteger(round) || round < 1) {
      throw AppRefused.of({ expected: "a whole number from 1 as server-round", got: String(round) });
    }
    if (round > rounds) {
      throw AppRefused.of({ expected: `at most ${rounds} rounds by accept.max_rounds`, got: String(round) });
    }
    if (round * recipe.localEpochs > passes * (1 + ROUNDING)) {
      const got = String(round * recipe.localEpochs);
      throw AppRefused.of({ expected: `at most ${passes} passes by accept.max_passes`, got });
    }
    const before = this.#parts.journal.take(kind, { run, round, message });
    if (before === null) return;
    throw AppRefused.of({ expected: `one ${kind} a round, after round ${before}`, got: `round ${round}` });
  }

  async #trainerOf(layout: Layout, recipe: Recipe): Promise<Trainer> {
    const { seed = 0, number } = this.#parts;
    const { channels } = layout;
    if (this.#trainer?.channels !== channels) {
      this.#trainer?.trainer[Symbol.dispose]();
      this.#trainer = null;
      this.#trainer = { trainer: await this.#parts.trainer({ layout, recipe, seed, number }), channels };
    }
    const { trainer } = this.#trainer;
    await trainer.configure({ recipe, classWeights: [1, 1], seed, silo: number });
    return trainer;
  }

  /** A start for an app that asks one of the hospitals for it. */
  async #start(): Promise<NamedArray[]> {
    const { network, seed = 0 } = this.#parts;
    const layout = layoutOf(network, { channels: 1 });
    const { vector } = await initialWeights(layout, { init: "imagenet", seed });
    return writeModel(vector, startModel(layout), { steps: 0 });
  }

  [Symbol.dispose](): void {
    this.#trainer?.trainer[Symbol.dispose]();
  }
}

/** Nobody waits for the reply any more. */
class TooLate extends Error {}

/** The number of the round as the message's group has it, where its configuration says none; NaN for neither. */
function roundOf({ metadata: { group } }: Instruction): number {
  return /^[1-9]\d{0,8}$/.test(group) ? Number(group) : NaN;
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
