/**
 * What a silo keeps on disk: the run that it belongs to, what it agreed to, what it has answered, and how much it has
 * done.
 *
 * Of its training it keeps the update of the round under way: a silo that is started again need not train again, and
 * sends the very same bytes.
 */
import { fileDigest } from "../../files/digest.ts";
import type { Past } from "./agreement.ts";
import { isScored } from "../maths/scored_rows.ts";
import type { Plan, Proposal, RoundSettings, Scores } from "../protocol/messages.ts";
import { MaskState } from "./mask_state.ts";
import type { SiloResult } from "../training/result.ts";
import { siloRole, StateFolder, UNFINISHED_FILE } from "../state/folder.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS models(round INTEGER PRIMARY KEY, sha256 TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS answers(split TEXT, sha256 TEXT, json TEXT NOT NULL, PRIMARY KEY(split, sha256));
`;

/** Name of the update's file in `staged`. */
const UPDATE = "update.f32";

/** A silo's part in a round: a written update and the scores that go with it, or, where it has no step, these alone. */
export interface StoredPart {
  run: string;
  round: number;
  base: string;
  /** Of the update, null for none. */
  sha256: string | null;
  scores: Scores;
}

/** The run that a silo takes part in. */
export interface Joined {
  run: string;
  proposal: Proposal;
  /** Whether its plan was frozen before this silo came. */
  late: boolean;
  /** The digest of the shard, and the address, that this silo joined with; absent in a state of an older fedx. */
  shard?: string;
  server?: string;
}

/** Images and rounds so far. */
export interface Tally {
  /** Rounds for which a part was written and not dropped as too late, and the latest of them. */
  rounds: number;
  latest: number;
  trained: number;
  scored: number;
  /** When the first turn began, seconds by the run's clock. */
  since: number | null;
}

/** What is kept of a model's scoring: what is said of it to the hub, and what stays here. */
export type Answered = "val" | "test" | "threshold" | "own";

/** A result that lacks what this hospital works out for itself. */
export type Ended = Omit<SiloResult, "own">;

/** A silo's locked state folder. */
export class SiloState implements Disposable {
  readonly folder: StateFolder;
  /** What a masked run needs. */
  readonly masks: MaskState;

  private constructor(folder: StateFolder) {
    this.folder = folder;
    this.masks = new MaskState(folder);
  }

  /** @throws {ProtocolError} as `StateFolder.open`. */
  static async open(dir: string, options: { silo: string }): Promise<SiloState> {
    const folder = await StateFolder.open(dir, { role: siloRole(options.silo), schema: SCHEMA });
    try {
      await folder.sweep({
        ".": (name) => UNFINISHED_FILE.test(name),
        staged: (name) => /^(update\.f32\.[\da-f-]+\.tmp|masked\.i64\.partial)$/.test(name),
        models: (name) => /^0\.f32\.[\da-f-]+\.tmp$/.test(name),
      });
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
    return new SiloState(folder);
  }

  /** The run that this silo has joined, null before that; the proposal is the one that it accepted then. */
  get joined(): Joined | null {
    return this.folder.get("joined");
  }

  set joined(joined: Joined) {
    this.folder.set("joined", joined);
  }

  /** The plan that was checked against the proposal, null before that. */
  get plan(): Plan | null {
    return this.folder.get("plan");
  }

  set plan(plan: Plan) {
    this.folder.set("plan", plan);
  }

  /** The row that this silo accepted last, null before the first. */
  get row(): RoundSettings | null {
    return this.folder.get("row");
  }

  /** What a row is checked against. */
  get past(): Past {
    const shown = this.folder.db.prepare("SELECT sha256 FROM models WHERE round = ?");
    const models = { get: (round: number) => shown.get(round)?.sha256 as string | undefined };
    const { row, worked } = this;
    const counted = Math.max(this.counted, this.masks.last?.round ?? 0);
    return { row, models, closed: this.closing !== null, counted, worked };
  }

  /** The last round for which the aggregator said that this silo's part in it is done, 0 for none. */
  get counted(): number {
    return this.folder.get("counted") ?? 0;
  }

  set counted(round: number) {
    this.folder.set("counted", round);
  }

  /** Seconds of scoring and training in all rows, those whose update was not counted too. */
  get worked(): number {
    return this.folder.get("worked") ?? 0;
  }

  set worked(seconds: number) {
    this.folder.set("worked", seconds);
  }

  /** Accepts a row, and with it the model that it begins from. */
  acceptRow(row: RoundSettings): void {
    this.folder.transaction(() => {
      this.folder.set("row", row);
      this.#show(row.round - 1, row.base);
    });
  }

  /** The round after which this silo was asked in the closing phase, null before it. */
  get closing(): number | null {
    return this.folder.get("closing");
  }

  /**
   * Notes that the rounds ended with `round`: from now on no row is accepted, and `val` is scored with no other last
   * model than the one of `sha256`.
   */
  close(round: number, sha256?: string): void {
    this.folder.transaction(() => {
      this.folder.set("closing", round);
      if (sha256 !== undefined) this.#show(round, sha256);
    });
  }

  #show(round: number, sha256: string): void {
    this.folder.put("models(round, sha256) VALUES (?, ?)", round, sha256);
  }

  /** Keeps answers before they are sent: what was once said of a model is said again, never worked out anew. */
  answer(sha256: string, figures: Partial<Record<Answered, unknown>>): void {
    const insert = this.folder.db.prepare("INSERT INTO answers(split, sha256, json) VALUES (?, ?, ?)");
    this.folder.transaction(() => {
      for (const [split, value] of Object.entries(figures)) insert.run(split, sha256, JSON.stringify(value));
    });
  }

  /** What was said of a model, null for nothing. */
  answered<T>(split: Answered, sha256: string): T | null {
    const row = this.folder.db.prepare("SELECT json FROM answers WHERE split = ? AND sha256 = ?")
      .get(split, sha256);
    return row === undefined ? null : JSON.parse(row.json as string);
  }

  /** The model that `test` was scored with, null for none. */
  get tested(): string | null {
    const row = this.folder.db.prepare("SELECT sha256 FROM answers WHERE split = 'test'").get();
    return row === undefined ? null : row.sha256 as string;
  }

  /** This silo's scores on `val`, by the round that began with the scored model. */
  get history(): SiloResult["history"] {
    const rows = this.folder.db.prepare(
      "SELECT m.round, a.json FROM models m JOIN answers a ON a.sha256 = m.sha256 AND a.split = 'val' ORDER BY 1",
    ).all();
    return rows.flatMap(({ round: model, json }) => {
      const round = model as number + 1;
      // A round without a step leaves the model as it was: nobody asked for its scores a second time.
      if (!isScored(round, this.plan!.localEpochs) && model !== this.closing) return [];
      const { auroc, loss } = JSON.parse(json as string) as Scores;
      return { round, auroc, loss };
    });
  }

  /** The start's f32 file: kept from round 1 to the end, to tell what the run changed. */
  get startPath(): string {
    return `${this.folder.dir}/models/0.f32`;
  }

  /** The update's f32 file. */
  get updatePath(): string {
    return `${this.folder.dir}/staged/${UPDATE}`;
  }

  /** The selected model, once the closing phase stored it. */
  get modelPath(): string {
    return `${this.folder.dir}/model.safetensors`;
  }

  /** The part last written, if it is of this run, round and base and an update's file is as it was written. */
  async part(wanted: { run: string; round: number; base: string }): Promise<StoredPart | null> {
    const part = this.folder.get<StoredPart>("update");
    if (part?.run !== wanted.run || part.round !== wanted.round || part.base !== wanted.base) return null;
    return part.sha256 === null || await fileDigest(this.updatePath) === part.sha256 ? part : null;
  }

  /** Commits a written part and what it took. */
  commitPart(part: StoredPart, images: { trained: number; scored: number }): void {
    this.folder.transaction(() => {
      this.folder.set("update", part);
      const { tally } = this;
      const { since, latest } = tally;
      this.tally = {
        rounds: tally.rounds + (part.round > latest ? 1 : 0),
        latest: part.round,
        trained: tally.trained + images.trained,
        scored: tally.scored + images.scored,
        since,
      };
    });
  }

  /** Notes that the round went on without the part that was written for it, if one was. */
  dropPart(round: number): void {
    const { tally } = this;
    if (tally.latest === round) this.tally = { ...tally, rounds: tally.rounds - 1, latest: round - 1 };
  }

  get tally(): Tally {
    return this.folder.get<Tally>("tally") ?? { rounds: 0, latest: 0, trained: 0, scored: 0, since: null };
  }

  set tally(tally: Tally) {
    this.folder.set("tally", tally);
  }

  /** What is known of a run that has ended and needs nothing more of the hub; null before that. */
  get ended(): Ended | null {
    return this.folder.get("ended");
  }

  set ended(ended: Ended) {
    this.folder.set("ended", ended);
  }

  get result(): SiloResult | null {
    return this.folder.get("result");
  }

  set result(result: SiloResult) {
    this.folder.set("result", result);
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}
