/**
 * The same training without federation: one hospital alone, or several shards pooled on one machine.
 *
 * It plans its rounds and makes its models by the same functions as the federation (row, change, sum, selection), so
 * that one silo federated gives the same model bit for bit: what differs between the two is federation alone.
 */
import { digest } from "../../files/digest.ts";
import type { Layout } from "../../model/layout.ts";
import { byStratum } from "../../model/predictions.ts";
import { delta, fold, scaleFor } from "../maths/exact_sum.ts";
import { planRow } from "../maths/budget.ts";
import { classWeightsOf } from "../maths/class_weights.ts";
import { sentence } from "../../refusal.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { withSettledStatistics } from "../maths/settled_statistics.ts";
import { type OnEvent, safely } from "../protocol/event.ts";
import { closingTime, likeNext, plausibleSpeed, recentMedian, type RowTiming } from "../maths/row_share.ts";
import { fewSteps } from "../maths/few_steps.ts";
import { isScored } from "../maths/scored_rows.ts";
import { nameFullDisk } from "../protocol/full_disk.ts";
import { newRunId, type Proposal, type Scores, type Stretch } from "../protocol/messages.ts";
import { checkRegistration } from "../protocol/registration.ts";
import { saveRunModel } from "./run_model.ts";
import { type FixedThreshold, fixThreshold, thresholdEntry } from "./own_figures.ts";
import { type LocalResult, type RoundResult, roundResult } from "./result.ts";
import { valScores } from "./score_split.ts";
import { testWithStart } from "./test_figures.ts";
import { checkSteps, countSteps } from "../maths/skipped.ts";
import { type ScoredModel, select } from "../maths/selection.ts";
import { stepsOf } from "../maths/stretch.ts";
import type { Trainer, Turn } from "./trainer.ts";

export interface LocalOptions {
  /** Its shard is one hospital's, or several pooled. */
  trainer: Trainer;
  /** The settings; `silos` names the pooled shards in order, for their figures. */
  proposal: Proposal;
  /** The start vector, (layout.length) f32. */
  start: Float32Array;
  /** Path of the model to write; the one selected so far lies there from the second round on. */
  out: string;
  /** Number in the random streams. @default 0 */
  silo?: number;
  onEvent?: OnEvent;
  signal?: AbortSignal;
  /** Seconds that only grow. @default performance.now */
  now?: () => number;
}

/** Trains `rounds` rows, or for the budget, and tests the selected model. @throws {ProtocolError} · {RangeError}. */
export async function runLocal(options: LocalOptions): Promise<LocalResult> {
  checkRegistration(options.proposal, options.trainer.shard);
  const local = new Local(options);
  await local.configure();
  await local.train();
  return await local.close();
}

class Local {
  readonly #options: LocalOptions;
  readonly #run = newRunId();
  readonly #onEvent: OnEvent;
  readonly #now: () => number;
  readonly #weights: [number, number];
  readonly #scored: ScoredModel[] = [];
  readonly #history: RoundResult[] = [];
  readonly #images = { trained: 0, scored: 0 };
  readonly #timings: (RowTiming & { opened: number; scored: boolean })[] = [];
  #vector: Float32Array;
  #chosen: { round: number; vector: Float32Array; fixed: FixedThreshold | null };
  /** The model that is stored, the start never. */
  #stored: { round: number; file_sha256: string } | null = null;
  #speed = 0;
  /** Seconds that each scoring of `val` took. */
  readonly #scorings: number[] = [];

  constructor(options: LocalOptions) {
    const { train } = options.trainer.shard.splits;
    this.#options = options;
    this.#onEvent = safely(options.onEvent);
    this.#now = options.now ?? (() => performance.now() / 1000);
    this.#weights = classWeightsOf(options.proposal, train);
    this.#vector = options.start;
    this.#chosen = { round: 0, vector: options.start, fixed: null };
  }

  get #layout(): Layout {
    return this.#options.trainer.layout;
  }

  /** Rounds done. */
  get #rounds(): number {
    return this.#timings.length;
  }

  async configure(): Promise<void> {
    const { trainer, proposal, silo = 0 } = this.#options;
    const { localEpochs, seed } = proposal, { images } = trainer.shard.splits.train;
    const recipe = withSettledStatistics(proposal.recipe, { images, silos: 1, localEpochs });
    await trainer.configure({ recipe, classWeights: this.#weights, seed, silo });
    if (proposal.budget !== null) this.#speed = plausibleSpeed(await trainer.stepsPerSecond());
  }

  /** Trains round after round, until the rounds or the budget are over. */
  async train(): Promise<void> {
    const { proposal: { recipe: { batch }, localEpochs }, trainer } = this.#options;
    const few = fewSteps("", { train: trainer.shard.splits.train.images, batch, localEpochs });
    if (few !== null) this.#onEvent({ type: "warning", text: few });
    for (let p0 = 0, from = 0;;) {
      const planned = this.#plan(from, p0);
      if (planned === null) return;
      await this.#takeRound(planned.silos.local, planned);
      from = planned.silos.local.to;
      p0 = planned.p1;
      if (planned.last) return;
    }
  }

  #plan(from: number, p0: number) {
    const { proposal, trainer } = this.#options;
    const now = this.#now();
    const { val, test, train } = trainer.shard.splits;
    const turn = {
      val: val.images,
      test: test.images,
      score: recentMedian(this.#scorings),
      pull: null,
      stepsPerSecond: this.#speed,
    };
    const closing = closingTime([turn], { batch: proposal.recipe.batch, budget: proposal.budget });
    const elapsed = this.#rounds === 0 ? 0 : now - this.#timings[0].opened;
    const round = this.#rounds + 1;
    const scored = isScored(round, proposal.localEpochs);
    return planRow({
      round,
      rounds: proposal.rounds,
      clock: proposal.budget === null ? null : { budget: proposal.budget, elapsed, closing },
      batch: proposal.recipe.batch,
      localEpochs: proposal.localEpochs,
      silos: { local: { from, train: train.images, stepsPerSecond: this.#speed } },
      p0,
      timings: likeNext(this.#timings, { scored, seconds: turn.score ?? 0 }),
    });
  }

  async #takeRound(
    stretch: Stretch,
    row: { p0: number; p1: number },
  ): Promise<void> {
    const { trainer, proposal: { recipe: { batch }, localEpochs } } = this.#options;
    const turn = stepsOf(stretch, { train: trainer.shard.splits.train.images, batch });
    const round = this.#rounds + 1;
    const opened = this.#now();
    await trainer.load(this.#vector);
    const scored = isScored(round, localEpochs);
    const scores = scored ? await this.#scoreVal(round) : {};
    if (round > 1 && this.#chosen.round === round - 1) {
      await this.#keep().catch((error) => this.#goOnWithoutRoom(error));
    }
    this.#onEvent({ type: "training", round, ...turn });
    const began = this.#now();
    if (turn.steps > 0) await this.#takeSteps(round, { ...turn, p0: row.p0, p1: row.p1 });
    const now = this.#now();
    const share = (stretch.to - stretch.from) / localEpochs;
    this.#timings.push({ share, wall: now - opened, train: now - began, opened, scored });
    this.#history.push(roundResult(round, scores, now - opened));
    this.#onEvent({ type: "committed", round, sha256: digest(this.#vector), seconds: now - opened });
  }

  /** Trains from the loaded vector, and makes the next one as the aggregator would of one update. */
  async #takeSteps(round: number, turn: Turn): Promise<void> {
    const { trainer, signal } = this.#options;
    const { images: examples } = trainer.shard.splits.train;
    const base = this.#vector;
    const { vector, images, skipped } = await trainer.train(turn, {
      signal,
      onStep: (k, loss) => this.#onEvent({ type: "step", round, k, K: turn.steps, loss }),
    });
    checkSteps(countSteps(skipped));
    const updates = [{ values: delta(vector, base, this.#layout), examples }];
    this.#vector = fold(base, updates, { layout: this.#layout, scale: scaleFor(examples) });
    this.#images.trained += images;
  }

  /** Scores the loaded vector, the model before this round, and holds it when it is the one selected so far. */
  async #scoreVal(round: number): Promise<Record<string, Scores>> {
    const { trainer, proposal } = this.#options;
    const { recipe, seed } = proposal;
    const began = this.#now();
    const predictions = await trainer.predict("val");
    this.#scorings.push(this.#now() - began);
    this.#images.scored += predictions.labels.length;
    const scores: Record<string, Scores> = {};
    for (const [index, part] of byStratum(predictions, proposal.silos.length).entries()) {
      const val = valScores(part, { recipe, classWeights: this.#weights, seed });
      const silo = proposal.silos[index];
      scores[silo] = { run: this.#run, round, ...val };
      this.#onEvent({ type: "scored", silo, round, scores: scores[silo] });
    }
    this.#scored.push({ round: round - 1, scores });
    if (this.#select().round === round - 1) {
      this.#chosen = { round: round - 1, vector: this.#vector, fixed: fixThreshold(predictions) };
    }
    return scores;
  }

  /** Stores the model selected so far, so that a signal, a kill or a full disk does not cost what was trained. */
  async #keep(): Promise<string> {
    const { proposal, out } = this.#options;
    const { round, vector, fixed } = this.#chosen;
    if (this.#stored?.round === round) return this.#stored.file_sha256;
    const model = { vector, layout: this.#layout, proposal, round, own: thresholdEntry(fixed!) };
    const file_sha256 = await saveRunModel(out, model, { mode: 0o644 }).catch((error) => {
      throw nameFullDisk(error, { folder: out, remedy: "free some space, or name another --out" });
    });
    this.#stored = { round, file_sha256 };
    this.#onEvent({ type: "model_stored", path: out, round, sha256: digest(vector) });
    return file_sha256;
  }

  /** A disk that is full may have room at the next model, and it is in memory until then. */
  #goOnWithoutRoom(error: unknown): void {
    if (!(error instanceof ProtocolError) || error.code !== "disk_full") throw error;
    const { what, expected, got } = error;
    const text =
      `${sentence({ what, expected, got })}; free some space while the training goes on: the model is ` +
      "written again later";
    this.#onEvent({ type: "warning", text });
  }

  #select() {
    return select(this.#scored, { roster: Object.keys(this.#scored[0].scores), last: this.#rounds });
  }

  /** Scores the last model, selects, stores and tests. */
  async close(): Promise<LocalResult> {
    const { trainer, proposal, out, start } = this.#options;
    await trainer.load(this.#vector);
    this.#history.push(roundResult(this.#rounds + 1, await this.#scoreVal(this.#rounds + 1), null));
    const selection = this.#select();
    const { vector, fixed } = this.#chosen;
    const file_sha256 = await this.#keep();
    const seconds = this.#rounds === 0 ? 0 : this.#now() - this.#timings[0].opened;
    this.#images.scored += trainer.shard.splits.test.images;
    return {
      label_rule: proposal.labelRule,
      selection: { ...selection, split: "val", note: "optimistic" },
      ...await testWithStart(trainer, { proposal, start, selected: { ...this.#chosen, fixed: fixed! } }),
      rounds: this.#rounds,
      epochs: this.#images.trained / trainer.shard.splits.train.images,
      seconds,
      images: this.#images,
      model: out,
      sha256: digest(vector),
      file_sha256,
      last_sha256: digest(this.#vector),
      init: proposal.init,
      history: this.#history,
    };
  }
}
