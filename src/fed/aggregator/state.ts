/**
 * What the aggregator must not forget: the proposal, who joined, the plan, every row, every counted update, every
 * score, every model's digest; on disk, and in memory as it was read and parsed once.
 *
 * Each method that changes it is one durable step: memory follows the disk, and a restart goes on from the last step.
 */
import {
  type Plan,
  type Proposal,
  type Receipt,
  type Registration,
  type Scores,
  scoresVal,
  type UpdateStart,
} from "../protocol/messages.ts";
import { MASKED_TABLES, MaskedState, type SettledMasks } from "./masked_state.ts";
import { present } from "./part.ts";
import type { Recording } from "./recording.ts";
import { bySilo, readStored, type Stored, type StoredRow, TABLES } from "./stored.ts";
import { removeIfThere } from "../../files/exists.ts";
import { AGGREGATOR, StateFolder, UNFINISHED_FILE } from "../state/folder.ts";
import { Totals } from "./totals.ts";

type Step = "begin" | "join" | "forget" | "freeze" | "open" | "count" | "close" | "score";

/** The state without its steps. */
export type Committed =
  & Omit<AggregatorState, Step | "totals" | "masks" | typeof Symbol.dispose>
  & { readonly totals: Omit<Totals, "open" | "close">; readonly masks: SettledMasks };

/** The aggregator's locked state folder. */
export class AggregatorState implements Disposable {
  readonly folder: StateFolder;
  readonly totals = new Totals();
  /** What a masked run needs. */
  readonly masks: MaskedState;
  readonly #stored: Stored;
  readonly #scores: Map<number, Record<string, Scores>>;
  /** Rounds whose model's file may be there. */
  readonly #files: Set<number>;
  #held: readonly number[] | null;

  private constructor(folder: StateFolder) {
    this.folder = folder;
    this.#stored = readStored(folder);
    this.masks = new MaskedState(folder);
    this.#scores = new Map();
    for (const [round, turns] of this.turns) this.#noteScores(round, turns);
    this.#files = new Set(this.models.keys());
    this.#held = folder.get("held");
    for (const [index, stored] of this.rows.entries()) {
      this.totals.open(stored, this.rows[index - 1]);
      if (stored.row.round <= this.rounds) this.totals.close(stored, present(this, stored.row));
    }
  }

  /** @throws {ProtocolError} as `StateFolder.open`; `damaged_state` for what this fedx would never have stored. */
  static async open(dir: string): Promise<AggregatorState> {
    const folder = await StateFolder.open(dir, { role: AGGREGATOR, schema: TABLES + MASKED_TABLES });
    try {
      const state = new AggregatorState(folder);
      const needed = state.#staged();
      await folder.sweep({
        ".": (name) => UNFINISHED_FILE.test(name),
        models: (name) => /^\d+\.f32(\.[\da-f-]+\.tmp|\.partial)$/.test(name),
        staged: (name) => /^\d+-.+\.f32(\.partial)?$/.test(name) && !needed.has(name),
      });
      return state;
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  /** The f32 file of the model after `round`; 0 is the start. */
  modelPath(round: number): string {
    return `${this.folder.dir}/models/${round}.f32`;
  }

  /** Where a silo's update of `round` is received, and where it lies once counted. */
  stagedPath(round: number, silo: string): { partial: string; whole: string } {
    const whole = `${this.folder.dir}/staged/${round}-${silo}.f32`;
    return { partial: `${whole}.partial`, whole };
  }

  /** Names of the staged files that the open round needs: announced partials, counted updates. */
  #staged(): Set<string> {
    const open = this.rounds + 1;
    const announced = this.folder.db.prepare("SELECT silo FROM uploads WHERE round = ?").all(open);
    return new Set([
      ...announced.map(({ silo }) => `${open}-${silo}.f32.partial`),
      ...[...this.counted(open).keys()].map((silo) => `${open}-${silo}.f32`),
    ]);
  }

  // What is committed.

  get run(): string | null {
    return this.#stored.run;
  }

  get proposal(): Proposal | null {
    return this.#stored.proposal;
  }

  get plan(): Plan | null {
    return this.#stored.plan;
  }

  /** The rows that this run repeats, null for a run of its own. */
  get recording(): Recording | null {
    return this.folder.get("recording");
  }

  /** What each silo that joined says of itself. */
  get joined(): ReadonlyMap<string, Registration> {
    return this.#stored.joined;
  }

  /** All rows, oldest first: round r is at r − 1. */
  get rows(): readonly StoredRow[] {
    return this.#stored.rows;
  }

  /** Rounds done. */
  get rounds(): number {
    return Math.max(0, this.models.size - 1);
  }

  /** The row whose round is not done, if any. */
  get current(): StoredRow | null {
    return this.rows.length > this.rounds ? this.rows.at(-1)! : null;
  }

  /** Digest of every model by round, the start included. */
  get models(): ReadonlyMap<number, string> {
    return this.#stored.models;
  }

  /** Rounds whose models' files are kept; null before the first round is done. */
  get held(): readonly number[] | null {
    return this.#held;
  }

  /** The updates that count in a round, by silo. */
  counted(round: number): ReadonlyMap<string, Receipt> {
    return this.#stored.receipts.get(round) ?? new Map();
  }

  /** What silos said of their turns by round and silo, with scores or without. */
  get turns(): ReadonlyMap<number, Readonly<Record<string, Scores>>> {
    return this.#stored.turns;
  }

  /** Of them those that score `val`: those of round r are of the model of round r − 1. */
  get scores(): ReadonlyMap<number, Readonly<Record<string, Scores>>> {
    return this.#scores;
  }

  /** Test scores of the selected model by silo. */
  get tests(): Readonly<Record<string, Scores>> {
    return this.#stored.tests;
  }

  // The steps.

  /** Begins a run whose start vector lies in `modelPath(0)` already; a replay has its plan from the first. */
  begin(run: string, proposal: Proposal, options: { now: number; recording?: Recording | null }): void {
    const { now, recording = null } = options;
    this.folder.transaction(() => {
      this.folder.set("run", run);
      this.folder.set("proposal", proposal);
      this.folder.set("recording", recording);
      if (recording !== null) {
        this.folder.set("plan", recording.plan);
        this.folder.set("without", recording.without);
      }
      this.folder.put("models(round, sha256, committed) VALUES (?, ?, ?)", 0, proposal.init.sha256, now);
    });
    Object.assign(this.#stored, { run, proposal, plan: recording?.plan ?? null });
    this.#stored.models.set(0, proposal.init.sha256);
    this.#files.add(0);
  }

  join(registration: Registration): void {
    const { silo } = registration;
    this.folder.put("registrations(silo, json) VALUES (?, ?)", silo, JSON.stringify(registration));
    this.#stored.joined.set(silo, registration);
  }

  /** Forgets a registration, so that the silo may come with another one. */
  forget(silo: string): void {
    this.folder.db.prepare("DELETE FROM registrations WHERE silo = ?").run(silo);
    this.#stored.joined.delete(silo);
  }

  /** The plan of the run from here on. */
  freeze(plan: Plan): void {
    this.folder.set("plan", plan);
    this.#stored.plan = plan;
  }

  /** Opens the next round. */
  open(stored: StoredRow): void {
    const { row, opened } = stored;
    this.folder.db.prepare("INSERT INTO rows(round, json, opened) VALUES (?, ?, ?)")
      .run(row.round, JSON.stringify(row), opened);
    this.totals.open(stored, this.rows.at(-1));
    this.#stored.rows.push(stored);
    this.masks.open();
  }

  /** Notes that an update is on its way in. */
  announce(silo: string, start: UpdateStart): void {
    this.folder.put("uploads(round, silo, json) VALUES (?, ?, ?)", start.round, silo, JSON.stringify(start));
  }

  /** The update of a round that a silo has announced last, null for none. */
  announced(round: number, silo: string): UpdateStart | null {
    const row = this.folder.db.prepare("SELECT json FROM uploads WHERE round = ? AND silo = ?")
      .get(round, silo);
    return row === undefined ? null : JSON.parse(row.json as string);
  }

  /** The moment an update counts. */
  count(receipt: Receipt): void {
    const { round, silo } = receipt;
    this.folder.transaction(() => {
      this.folder.put("receipts(round, silo, json) VALUES (?, ?, ?)", round, silo, JSON.stringify(receipt));
      this.folder.db.prepare("DELETE FROM uploads WHERE round = ? AND silo = ?").run(round, silo);
    });
    const { receipts } = this.#stored;
    receipts.set(round, (receipts.get(round) ?? new Map()).set(silo, receipt));
  }

  /** The moment a round is done: its model lies in `modelPath(round)` already. `bytes` = moved so far; `held` = whose files stay. */
  close(
    round: number,
    sha256: string,
    options: { now: number; bytes: number; held: readonly number[] },
  ): void {
    const { now, bytes, held } = options;
    this.folder.transaction(() => {
      this.folder.put("models(round, sha256, committed) VALUES (?, ?, ?)", round, sha256, now);
      this.folder.set("bytes", bytes);
      this.folder.set("held", held);
    });
    this.#stored.models.set(round, sha256);
    this.#files.add(round);
    this.#held = held;
    const stored = this.rows.at(-1);
    if (stored?.row.round === round) this.totals.close(stored, present(this, stored.row));
  }

  /** Removes the files of the models that are held no more. */
  async dropModels(): Promise<void> {
    for (const round of this.#files) {
      if (this.#held?.includes(round) ?? true) continue;
      await removeIfThere(this.modelPath(round));
      this.#files.delete(round);
    }
  }

  /** Keeps what a silo says of its turn and of a round's base, or, with `test`, of the selected model. */
  score(silo: string, scores: Scores): void {
    const { round, test } = scores;
    const json = JSON.stringify(scores);
    if (test === undefined) {
      this.folder.put("scores(round, silo, json) VALUES (?, ?, ?)", round, silo, json);
      const turns = bySilo({ ...this.turns.get(round), [silo]: scores });
      this.#stored.turns.set(round, turns);
      this.#noteScores(round, turns);
    } else {
      this.folder.put("tests(silo, json) VALUES (?, ?)", silo, json);
      this.#stored.tests = bySilo({ ...this.tests, [silo]: scores });
    }
  }

  /** A round of which some said no scores was given up: in the closing phase they say them. */
  #noteScores(round: number, turns: Record<string, Scores>): void {
    const scored = Object.entries(turns).filter(([, scores]) => scoresVal(scores));
    if (scored.length > 0) this.#scores.set(round, Object.fromEntries(scored));
  }

  /** When the model of `round` was committed, seconds by the run's clock. */
  committedAt(round: number): number | null {
    const row = this.folder.db.prepare("SELECT committed FROM models WHERE round = ?").get(round);
    return row === undefined ? null : row.committed as number;
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}
