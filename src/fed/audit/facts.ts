/** What several roles say of the same thing, in the lines of their logs. */
import * as v from "valibot";
import { canonicalDigest } from "../../files/canonical.ts";
import { Digest, examples, round, roundOrStart, SiloName } from "../protocol/fields.ts";
import { RoundSettingsSchema } from "../protocol/messages.ts";
import type { Entry, Fault } from "./read_log.ts";

/** A thing that each role may say one value of, e.g. `the row of round 3`. */
export interface Fact {
  line: number;
  /** What it is about, and of that what it says. */
  about: string;
  value: string;
  /** The aggregator has written it before a silo can: what its log lacks was taken away. */
  first: boolean;
  /** The update that it is about, if it is. */
  update?: { silo: string; sha256: string };
}

type Read = (event: Readonly<Record<string, unknown>>, role: string) => Omit<Fact, "line"> | null;

const RowSchema = v.object({ row: RoundSettingsSchema });
const DigestSchema = v.object({ round, sha256: Digest });
const RosterSchema = v.object({ round, sha256: Digest, silos: v.array(SiloName) });
const CountedSchema = v.object({ round, silo: SiloName, sha256: Digest, examples });
const ReceiptSchema = v.object({ round, sha256: Digest, examples });
const ModelSchema = v.object({ round: roundOrStart, sha256: Digest });
const FinishedSchema = v.object({ sha256: Digest });

/** By type of event; null for one that does not fit. */
const READERS: Readonly<Record<string, Read>> = {
  row: (event) => withIn(RowSchema, event, ({ row }) => row.round, ({ row }) => rowDigest(row)),
  row_accepted: (event) => withIn(DigestSchema, event, ({ round }) => round, ({ sha256 }) => sha256),
  update_counted: counted,
  receipt_repeated: counted,
  receipt(event, role) {
    const read = v.safeParse(ReceiptSchema, event);
    return read.success ? receipt({ ...read.output, silo: role.replace(/^silo /, "") }) : null;
  },
  roster(event) {
    const read = v.safeParse(RosterSchema, event);
    if (!read.success) return null;
    const { round, sha256, silos } = read.output;
    return { about: `the roster of round ${round}`, value: `${sha256} of ${silos.join(", ")}`, first: true };
  },
  selected: model,
  model_stored: model,
  finished(event) {
    const read = v.safeParse(FinishedSchema, event);
    return read.success
      ? { about: "the finished run's model", value: read.output.sha256, first: false }
      : null;
  },
};

/** Whether events of this type say something that others may say too. */
export const isFact = (type: unknown): type is string =>
  typeof type === "string" && Object.hasOwn(READERS, type);

/** What the lines of a role's log say that others' may say too, and the first that says it otherwise than a line before. */
export function factsIn(
  entries: readonly Entry[],
  role: string,
): { facts: Map<string, Fact>; fault: Fault | null } {
  const facts = new Map<string, Fact>();
  for (const { line, event } of entries) {
    const { type } = event;
    if (!isFact(type)) continue;
    const fact = READERS[type](event, role);
    if (fact === null) {
      return { facts, fault: { line, expected: `an event "${type}" as fedx writes it`, got: "another" } };
    }
    const before = facts.get(fact.about);
    if (before === undefined) facts.set(fact.about, { line, ...fact });
    else if (before.value !== fact.value) {
      const expected = `${fact.about} as in line ${before.line}, ${short(before.value)}`;
      return { facts, fault: { line, expected, got: short(fact.value) } };
    }
  }
  return { facts, fault: null };
}

/** A value with its digest cut. */
export function short(value: string): string {
  return value.replaceAll(/[0-9a-f]{64}/g, (digest) => digest.slice(0, 12));
}

function rowDigest(row: unknown): string | null {
  try {
    return canonicalDigest(row);
  } catch {
    return null; // a lone surrogate, which no row of ours holds
  }
}

function withIn<T>(
  schema: v.GenericSchema<unknown, T>,
  event: unknown,
  roundOf: (value: T) => number,
  digestOf: (value: T) => string | null,
): Omit<Fact, "line"> | null {
  const read = v.safeParse(schema, event);
  const value = read.success ? digestOf(read.output) : null;
  if (!read.success || value === null) return null;
  return { about: `the row of round ${roundOf(read.output)}`, value, first: true };
}

function counted(event: unknown): Omit<Fact, "line"> | null {
  const read = v.safeParse(CountedSchema, event);
  return read.success ? receipt(read.output) : null;
}

function receipt(of: v.InferOutput<typeof CountedSchema>): Omit<Fact, "line"> {
  const { round, silo, sha256, examples } = of;
  const about = `the update of ${silo} in round ${round}`;
  return { about, value: `${sha256} with ${examples} examples`, first: true, update: { silo, sha256 } };
}

function model(event: unknown): Omit<Fact, "line"> | null {
  const read = v.safeParse(ModelSchema, event);
  if (!read.success) return null;
  return {
    about: "the selected model",
    value: `${read.output.sha256} of round ${read.output.round}`,
    first: false,
  };
}
