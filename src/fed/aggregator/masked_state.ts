/** What the aggregator of a masked run must not forget: what silos stated, who is ready, and the settled rosters. */
import {
  RosterSchema,
  type SignedReady,
  SignedReadySchema,
  type SignedStatement,
  SignedStatementSchema,
} from "../protocol/messages.ts";
import { rosterDigest } from "../masks/roster_digest.ts";
import type { StateFolder } from "../state/folder.ts";
import { parseStored } from "./stored.ts";

export const MASKED_TABLES = `
  CREATE TABLE IF NOT EXISTS statements(silo TEXT PRIMARY KEY, json TEXT NOT NULL, changes INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS readies(round INTEGER, silo TEXT, json TEXT NOT NULL, PRIMARY KEY(round, silo));
  CREATE TABLE IF NOT EXISTS rosters(round INTEGER PRIMARY KEY, json TEXT NOT NULL);
`;

/** Whom the updates of a round are masked for. */
export interface SettledRoster {
  /** In the proposal's order. */
  readies: readonly SignedReady[];
  names: readonly string[];
  digest: string;
}

/** A roster as it is served, with what follows from it. */
export function settledRoster(readies: readonly SignedReady[]): SettledRoster {
  const bodies = readies.map(({ ready }) => ready);
  return { readies, names: bodies.map(({ silo }) => silo), digest: rosterDigest(bodies) };
}

/** What a silo has stated last, and how often its keys have changed. */
export interface StoredStatement {
  signed: SignedStatement;
  changes: number;
}

/** That state without its steps. */
export type SettledMasks = Pick<MaskedState, "statements" | "readies" | "rosters">;

/** The masks' part of an aggregator's state: each method is one durable step. */
export class MaskedState {
  readonly #folder: StateFolder;
  readonly #statements: Map<string, StoredStatement>;
  readonly #readies: Map<string, SignedReady>;
  readonly #rosters: Map<number, SettledRoster>;

  /** Reads what is stored. @throws {ProtocolError} `damaged_state` */
  constructor(folder: StateFolder) {
    this.#folder = folder;
    const all = (sql: string) => folder.db.prepare(sql).all() as Record<string, unknown>[];
    this.#statements = new Map(
      all("SELECT * FROM statements").map(({ silo, json, changes }) => [silo as string, {
        signed: parseStored(SignedStatementSchema, json, `the statement of ${silo}`),
        changes: changes as number,
      }]),
    );
    this.#readies = new Map(
      all("SELECT silo, json FROM readies WHERE round = (SELECT MAX(round) FROM rows)")
        .map((
          { silo, json },
        ) => [silo as string, parseStored(SignedReadySchema, json, `the ready of ${silo}`)]),
    );
    this.#rosters = new Map(
      all("SELECT * FROM rosters ORDER BY round").map(({ round, json }) => [
        round as number,
        settledRoster(parseStored(RosterSchema, json, "a roster").readies),
      ]),
    );
  }

  /** By silo. */
  get statements(): ReadonlyMap<string, StoredStatement> {
    return this.#statements;
  }

  /** The newest ready of each silo for the newest row. */
  get readies(): ReadonlyMap<string, SignedReady> {
    return this.#readies;
  }

  /** By round whom its updates are masked for. */
  get rosters(): ReadonlyMap<number, SettledRoster> {
    return this.#rosters;
  }

  /** Keeps a silo's statement. */
  state(signed: SignedStatement, changes: number): void {
    const { silo } = signed.statement;
    this.#folder.put(
      "statements(silo, json, changes) VALUES (?, ?, ?)",
      silo,
      JSON.stringify(signed),
      changes,
    );
    this.#statements.set(silo, { signed, changes });
  }

  /** Begins a row, in which nobody is ready yet. */
  open(): void {
    this.#readies.clear();
  }

  /** Keeps a silo's ready for the open row. */
  ready(round: number, signed: SignedReady): void {
    const { silo } = signed.ready;
    this.#folder.put("readies(round, silo, json) VALUES (?, ?, ?)", round, silo, JSON.stringify(signed));
    this.#readies.set(silo, signed);
  }

  /** The moment from which the open row's updates are masked for these, and nobody else is taken into it. */
  settle(round: number, readies: readonly SignedReady[]): void {
    this.#folder.put("rosters(round, json) VALUES (?, ?)", round, JSON.stringify({ readies }));
    this.#rosters.set(round, settledRoster(readies));
  }
}
