/** The tables of an aggregator's state folder, and what a start of the aggregator reads in them. */
import type * as v from "valibot";
import { ProtocolError } from "../protocol/errors.ts";
import {
  parseMessage,
  PlanSchema,
  ProposalSchema,
  ReceiptSchema,
  RegistrationSchema,
  RoundSettingsSchema,
  ScoresSchema,
} from "../protocol/messages.ts";
import type { Plan, Proposal, Receipt, Registration, RoundSettings, Scores } from "../protocol/messages.ts";
import type { StateFolder } from "../state/folder.ts";

export const TABLES = `
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
    return value === null ? null : parseStored(schema, JSON.stringify(value), `the ${key}`);
  };
  return {
    run: folder.get("run"),
    proposal: meta("proposal", ProposalSchema),
    plan: meta("plan", PlanSchema),
    joined: new Map(
      all("SELECT silo, json FROM registrations").map(({ silo, json }) => [
        silo as string,
        parseStored(RegistrationSchema, json, `the registration of ${silo}`),
      ]),
    ),
    rows: all("SELECT json, opened FROM rows ORDER BY round").map(({ json, opened }) => ({
      row: parseStored(RoundSettingsSchema, json, "a row"),
      opened: opened as number,
    })),
    models: new Map(
      all("SELECT round, sha256 FROM models ORDER BY round").map(({ round, sha256 }) => [
        round as number,
        sha256 as string,
      ]),
    ),
    receipts: byRound(
      all("SELECT * FROM receipts ORDER BY round, silo"),
      (records) =>
        new Map(
          records.map(({ silo, json }) => [silo as string, parseStored(ReceiptSchema, json, "a receipt")]),
        ),
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
  return Object.fromEntries(records.map(({ silo, json }) => [silo, parseStored(ScoresSchema, json, what)]));
}

/** What was stored as JSON. @throws {ProtocolError} `damaged_state` */
export function parseStored<T>(schema: v.GenericSchema<unknown, T>, json: unknown, what: string): T {
  try {
    return parseMessage(schema, json as string, { what });
  } catch (cause) {
    if (!(cause instanceof ProtocolError) || cause.code !== "bad_request") throw cause;
    const { expected, got } = cause;
    throw new ProtocolError("damaged_state", { expected: `${expected} in ${what}`, got, cause });
  }
}

/** In the order in which a restart reads them, so that sums over silos come out alike. */
export function bySilo(record: Record<string, Scores>): Record<string, Scores> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1));
}
