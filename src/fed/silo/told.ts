/**
 * Who took part in which round, as far as a silo is told: each row names its roster, and where the silo's own next
 * stretch begins says whether its last update counted. Of the others' updates it hears nothing.
 */
import type { RoundSettings } from "../protocol/messages.ts";
import type { StateFolder } from "../state/folder.ts";

export const ROUNDS = `
  CREATE TABLE IF NOT EXISTS rounds(round INTEGER PRIMARY KEY, absent TEXT NOT NULL, missed INTEGER NOT NULL);
`;

/** What one silo was told of every round. */
export class Told {
  readonly #folder: StateFolder;
  readonly #silo: string;

  constructor(folder: StateFolder, silo: string) {
    this.#folder = folder;
    this.#silo = silo;
  }

  /** Notes a row that the silo takes. @param context.before the one that it took last · `silos`: all that are invited */
  row(
    row: RoundSettings,
    { before, silos }: { before: RoundSettings | null; silos: readonly string[] },
  ): void {
    if (before !== null && before.round < row.round) {
      this.#mark(before.round, row.silos[this.#silo].from < before.silos[this.#silo].to);
    }
    const absent = silos.filter((silo) => !row.roster.includes(silo));
    this.#folder.db.prepare("INSERT OR IGNORE INTO rounds(round, absent, missed) VALUES (?, ?, 0)")
      .run(row.round, JSON.stringify(absent));
  }

  /** Notes whether the silo's own update of a round counts. */
  counts(round: number, yes: boolean): void {
    this.#mark(round, !yes);
  }

  /** By silo the rounds, of so many, that went without it; rounds that this silo was not asked in count for it alone. */
  missing(rounds: number): Record<string, number[]> {
    const missing: Record<string, number[]> = {};
    const known = new Map(
      this.#folder.db.prepare("SELECT round, absent, missed FROM rounds").all()
        .map(({ round, absent, missed }) => [round as number, { absent: absent as string, missed }]),
    );
    for (let round = 1; round <= rounds; round++) {
      const row = known.get(round);
      const own = row === undefined || row.missed === 1 ? [this.#silo] : [];
      for (const silo of [...JSON.parse(row?.absent ?? "[]") as string[], ...own]) {
        (missing[silo] ??= []).push(round);
      }
    }
    return missing;
  }

  #mark(round: number, missed: boolean): void {
    this.#folder.db.prepare("UPDATE rounds SET missed = ? WHERE round = ?").run(missed ? 1 : 0, round);
  }
}
