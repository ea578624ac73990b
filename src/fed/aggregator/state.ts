/**
 * What the aggregator must not forget: the proposal, who joined, the plan, every row, every counted
 * update, every score, every model's digest.
 *
 * Each method is one durable step; a restart reads them back and goes on from the last.
 */
import type * as v from "valibot";
import { ProtocolError } from "../protocol/errors.ts";
import {
  parseMessage,
  type Plan,
  PlanSchema,
  type Proposal,
  ProposalSchema,
  type Receipt,
  type Registration,
  RegistrationSchema,
  type RoundSettings,
  RoundSettingsSchema,
  type Scores,
  ScoresSchema,
  type UpdateStart,
} from "../protocol/messages.ts";
import type { Recording } from "./replay.ts";
import { AGGREGATOR, StateFolder, UNFINISHED_MODEL } from "../state/folder.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS registrations(silo TEXT PRIMARY KEY, json TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS rows(round INTEGER PRIMARY KEY, json TEXT NOT NULL, opened REAL NOT NULL);
  CREATE TABLE IF NOT EXISTS models(round INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, committed REAL NOT NULL);
  CREATE TABLE IF NOT EXISTS uploads(round INTEGER, silo TEXT, json TEXT NOT NULL, PRIMARY KEY(round, silo));
  CREATE TABLE IF NOT EXISTS receipts(round INTEGER, silo TEXT, json TEXT NOT NULL, PRIMARY KEY(round, silo));
  CREATE TABLE IF NOT EXISTS scores(round INTEGER, silo TEXT, json TEXT NOT NULL, PRIMARY KEY(round, silo));
  CREATE TABLE IF NOT EXISTS tests(silo TEXT PRIMARY KEY, json TEXT NOT NULL);
`;

/** A committed row; `opened` is seconds by the run's clock at its first opening. */
export interface StoredRow {
  row: RoundSettings;
  opened: number;
}

/** The aggregator's locked state folder. */
export class AggregatorState implements Disposable {
  readonly folder: StateFolder;

  private constructor(folder: StateFolder) {
    this.folder = folder;
  }

  /** @throws {ProtocolError} as `StateFolder.open`. */
  static async open(dir: string): Promise<AggregatorState> {
    const state = new AggregatorState(await StateFolder.open(dir, { role: AGGREGATOR, schema: SCHEMA }));
    const needed = state.#staged();
    await state.folder.sweep({
      ".": (name) => UNFINISHED_MODEL.test(name),
      models: (name) => /^\d+\.f32(\.[\da-f-]+\.tmp|\.partial)$/.test(name),
      staged: (name) => /^\d+-.+\.f32(\.partial)?$/.test(name) && !needed.has(name),
    });
    return state;
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
    const open = "round > (SELECT max(round) FROM models)";
    const uploads = this.#all(`SELECT round, silo FROM uploads WHERE ${open}`);
    const receipts = this.#all(`SELECT round, silo FROM receipts WHERE ${open}`);
    return new Set([
      ...uploads.map(({ round, silo }) => `${round}-${silo}.f32.partial`),
      ...receipts.map(({ round, silo }) => `${round}-${silo}.f32`),
    ]);
  }

  get run(): string | null {
    return this.folder.get<string>("run");
  }

  get proposal(): Proposal | null {
    const value = this.folder.get("proposal");
    return value === null ? null : parseStored(ProposalSchema, JSON.stringify(value), "the proposal");
  }

  get plan(): Plan | null {
    const value = this.folder.get("plan");
    return value === null ? null : parseStored(PlanSchema, JSON.stringify(value), "the plan");
  }

  /** The rows that this run repeats, null for a run of its own. */
  get recording(): Recording | null {
    return this.folder.get("recording");
  }

  /** Begins a run whose start vector lies in `modelPath(0)` already; a replay has its plan from the first. */
  begin(run: string, proposal: Proposal, options: { now: number; recording?: Recording | null }): void {
    const { now, recording = null } = options;
    this.folder.transaction(() => {
      this.folder.set("run", run);
      this.folder.set("proposal", proposal);
      this.folder.set("recording", recording);
      if (recording !== null) this.freeze(recording.plan);
      this.#put("models(round, sha256, committed) VALUES (?, ?, ?)", 0, proposal.init.sha256, now);
    });
  }

  freeze(plan: Plan): void {
    this.folder.set("plan", plan);
  }

  saveRegistration(registration: Registration): void {
    this.#put("registrations(silo, json) VALUES (?, ?)", registration.silo, JSON.stringify(registration));
  }

  forgetRegistration(silo: string): void {
    this.folder.db.prepare("DELETE FROM registrations WHERE silo = ?").run(silo);
  }

  registrations(): Registration[] {
    return this.#all("SELECT silo, json FROM registrations").map(({ silo, json }) =>
      parseStored(RegistrationSchema, json as string, `the registration of ${silo}`)
    );
  }

  commitRow(stored: StoredRow): void {
    const { row, opened } = stored;
    const values = [row.round, JSON.stringify(row), opened] as const;
    this.folder.db.prepare("INSERT INTO rows(round, json, opened) VALUES (?, ?, ?)").run(...values);
  }

  /** All rows, oldest first. */
  rows(): StoredRow[] {
    return this.#all("SELECT json, opened FROM rows ORDER BY round").map((stored) => ({
      row: parseStored(RoundSettingsSchema, stored.json as string, "a row"),
      opened: stored.opened as number,
    }));
  }

  saveUpload(silo: string, start: UpdateStart): void {
    this.#put("uploads(round, silo, json) VALUES (?, ?, ?)", start.round, silo, JSON.stringify(start));
  }

  upload(round: number, silo: string): UpdateStart | null {
    return this.#one("SELECT json FROM uploads WHERE round = ? AND silo = ?", round, silo);
  }

  /** The moment an update counts. */
  count(receipt: Receipt): void {
    this.folder.transaction(() => {
      this.#put(
        "receipts(round, silo, json) VALUES (?, ?, ?)",
        receipt.round,
        receipt.silo,
        JSON.stringify(receipt),
      );
      this.folder.db.prepare("DELETE FROM uploads WHERE round = ? AND silo = ?").run(
        receipt.round,
        receipt.silo,
      );
    });
  }

  receipt(round: number, silo: string): Receipt | null {
    return this.#one("SELECT json FROM receipts WHERE round = ? AND silo = ?", round, silo);
  }

  /** By round the silos whose updates count. */
  countedSilos(): Map<number, string[]> {
    const byRound = Map.groupBy(
      this.#all("SELECT round, silo FROM receipts"),
      ({ round }) => round as number,
    );
    return new Map([...byRound].map(([round, rows]) => [round, rows.map(({ silo }) => silo as string)]));
  }

  saveScores(silo: string, scores: Scores): void {
    this.#put("scores(round, silo, json) VALUES (?, ?, ?)", scores.round, silo, JSON.stringify(scores));
  }

  /** Scores of every round by silo: `.get(round)[silo]`; those of round r are of the model g(r − 1). */
  scores(): Map<number, Record<string, Scores>> {
    const byRound = new Map<number, Record<string, Scores>>();
    for (
      const { round, silo, json } of this.#all("SELECT round, silo, json FROM scores ORDER BY round, silo")
    ) {
      const scores = parseStored(ScoresSchema, json as string, "scores");
      const record = byRound.get(round as number) ?? {};
      record[silo as string] = scores;
      byRound.set(round as number, record);
    }
    return byRound;
  }

  saveTest(silo: string, scores: Scores): void {
    this.#put("tests(silo, json) VALUES (?, ?)", silo, JSON.stringify(scores));
  }

  tests(): Record<string, Scores> {
    const tests: Record<string, Scores> = {};
    for (const { silo, json } of this.#all("SELECT silo, json FROM tests ORDER BY silo")) {
      tests[silo as string] = parseStored(ScoresSchema, json as string, "test scores");
    }
    return tests;
  }

  /** The moment a round is done: its model lies in `modelPath(round)` already. `bytes` = moved so far; `held` = whose files stay. */
  commitModel(
    round: number,
    sha256: string,
    options: { now: number; bytes: number; held: readonly number[] },
  ): void {
    this.folder.transaction(() => {
      this.#put("models(round, sha256, committed) VALUES (?, ?, ?)", round, sha256, options.now);
      this.folder.set("bytes", options.bytes);
      this.folder.set("held", options.held);
    });
  }

  /** Rounds whose models' files are kept; null before the first round is done. */
  held(): number[] | null {
    return this.folder.get<number[]>("held");
  }

  /** Digest of every model by round, the start included. */
  models(): Map<number, string> {
    const rows = this.#all("SELECT round, sha256 FROM models ORDER BY round");
    return new Map(rows.map((row) => [row.round as number, row.sha256 as string]));
  }

  /** When the model of `round` was committed, seconds by the run's clock. */
  committedAt(round: number): number | null {
    const row = this.folder.db.prepare("SELECT committed FROM models WHERE round = ?").get(round);
    return row === undefined ? null : row.committed as number;
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }

  #put(into: string, ...values: (string | number)[]): void {
    this.folder.db.prepare(`INSERT OR REPLACE INTO ${into}`).run(...values);
  }

  #all(sql: string, ...values: (string | number)[]): Record<string, unknown>[] {
    return this.folder.db.prepare(sql).all(...values) as Record<string, unknown>[];
  }

  #one<T>(sql: string, ...values: (string | number)[]): T | null {
    const row = this.folder.db.prepare(sql).get(...values);
    return row === undefined ? null : JSON.parse(row.json as string) as T;
  }
}

/** @throws {ProtocolError} `damaged_state` for what this fedx would never have stored. */
function parseStored<T>(schema: v.GenericSchema<unknown, T>, json: string, what: string): T {
  try {
    return parseMessage(schema, json, { what });
  } catch (cause) {
    if (!(cause instanceof ProtocolError) || cause.code !== "bad_request") throw cause;
    const { expected, got } = cause;
    throw new ProtocolError("damaged_state", { expected: `${expected} in ${what}`, got, cause });
  }
}
