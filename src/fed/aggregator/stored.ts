/** The tables of an aggregator's state folder, and what a start of the aggregator reads in them. */
import type * as v from "valibot";
import { ProtocolError } from "../protocol/errors.ts";
import {
  parseMessage,
  PlanSchema,
  ProposalSchema,
  ReceiptSchema,
  RegistrationSchema,
  RosterSchema,
  RoundSettingsSchema,
  ScoresSchema,
  type SignedReady,
  SignedReadySchema,
  type SignedStatement,
  SignedStatementSchema,
} from "../protocol/messages.ts";
import type { Plan, Proposal, Receipt, Registration, RoundSettings, Scores } from "../protocol/messages.ts";
import { rosterDigest } from "../masks/roster_digest.ts";
import type { StateFolder } from "../state/folder.ts";

export const TABLES = `
  CREATE TABLE IF NOT EXISTS registrations(silo TEXT PRIMARY KEY, json TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS rows(round INTEGER PRIMARY KEY, json TEXT NOT NULL, opened REAL NOT NULL);
  CREATE TABLE IF NOT EXISTS models(round INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, committed REAL NOT NULL);
  CREATE TABLE IF NOT EXISTS statements(silo TEXT PRIMARY KEY, json TEXT NOT NULL, changes INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS readies(round INTEGER, silo TEXT, json TEXT NOT NULL, PRIMARY KEY(round, silo));
  CREATE TABLE IF NOT EXISTS rosters(round INTEGER PRIMARY KEY, json TEXT NOT NULL);
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

/** What one aggregator has committed so far; the records by silo are in the order of the names. */
export interface Stored {
  run: string | null;
  proposal: Proposal | null;
  plan: Plan | null;
  joined: Map<string, Registration>;
  /** Oldest first: round r is at r − 1. */
  rows: StoredRow[];
  /** Digest of every model by round, the start included. */
  models: Map<number, string>;
  /** Of a masked run: what each silo has stated last, and how often its keys have changed. */
  statements: Map<string, { signed: SignedStatement; changes: number }>;
  /** The newest ready of each silo for the newest row. */
  readies: Map<string, SignedReady>;
  /** By round the readies that its updates are masked for. */
  rosters: Map<number, SettledRoster>;
  /** The updates that count, by round and silo. */
  receipts: Map<number, Map<string, Receipt>>;
  /** What silos said of their turns, by round and silo. */
  turns: Map<number, Record<string, Scores>>;
  /** Of the selected model. */
  tests: Record<string, Scores>;
}

/** Reads and checks everything, once. @throws {ProtocolError} `damaged_state` for what fedx would never have stored. */
export function readStored(folder: StateFolder): Stored {
  const all = (sql: string) => folder.db.prepare(sql).all() as Record<string, unknown>[];
  const meta = <T>(key: string, schema: v.GenericSchema<unknown, T>) => {
    const value = folder.get(key);
    return value === null ? null : parse(schema, JSON.stringify(value), `the ${key}`);
  };
  return {
    run: folder.get("run"),
    proposal: meta("proposal", ProposalSchema),
    plan: meta("plan", PlanSchema),
    joined: new Map(
      all("SELECT silo, json FROM registrations").map(({ silo, json }) => [
        silo as string,
        parse(RegistrationSchema, json, `the registration of ${silo}`),
      ]),
    ),
    rows: all("SELECT json, opened FROM rows ORDER BY round").map(({ json, opened }) => ({
      row: parse(RoundSettingsSchema, json, "a row"),
      opened: opened as number,
    })),
    models: new Map(
      all("SELECT round, sha256 FROM models ORDER BY round").map(({ round, sha256 }) => [
        round as number,
        sha256 as string,
      ]),
    ),
    statements: new Map(
      all("SELECT * FROM statements").map(({ silo, json, changes }) => [
        silo as string,
        {
          signed: parse(SignedStatementSchema, json, `the statement of ${silo}`),
          changes: changes as number,
        },
      ]),
    ),
    readies: new Map(
      all("SELECT silo, json FROM readies WHERE round = (SELECT MAX(round) FROM rows)").map((
        { silo, json },
      ) => [
        silo as string,
        parse(SignedReadySchema, json, `the ready of ${silo}`),
      ]),
    ),
    rosters: new Map(
      all("SELECT round, json FROM rosters ORDER BY round").map(({ round, json }) => [
        round as number,
        settledRoster(parse(RosterSchema, json, "a roster").readies),
      ]),
    ),
    receipts: byRound(
      all("SELECT * FROM receipts ORDER BY round, silo"),
      (records) =>
        new Map(records.map(({ silo, json }) => [silo as string, parse(ReceiptSchema, json, "a receipt")])),
    ),
    turns: byRound(
      all("SELECT * FROM scores ORDER BY round, silo"),
      (records) => scoresOf(records, "scores"),
    ),
    tests: scoresOf(all("SELECT * FROM tests ORDER BY silo"), "test scores"),
  };
}

function byRound<T>(
  records: Record<string, unknown>[],
  gather: (records: Record<string, unknown>[]) => T,
): Map<number, T> {
  const groups = Map.groupBy(records, ({ round }) => round as number);
  return new Map([...groups].map(([round, records]) => [round, gather(records)]));
}

function scoresOf(records: Record<string, unknown>[], what: string): Record<string, Scores> {
  return Object.fromEntries(records.map(({ silo, json }) => [silo, parse(ScoresSchema, json, what)]));
}

function parse<T>(schema: v.GenericSchema<unknown, T>, json: unknown, what: string): T {
  try {
    return parseMessage(schema, json as string, { what });
  } catch (cause) {
    if (!(cause instanceof ProtocolError) || cause.code !== "bad_request") throw cause;
    const { expected, got } = cause;
    throw new ProtocolError("damaged_state", { expected: `${expected} in ${what}`, got, cause });
  }
}
