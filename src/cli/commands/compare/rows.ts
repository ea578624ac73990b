// Why: a finished training is one line that is written at once, so a comparison may be stopped at any time.
import { appendLine } from "../../../files/append_line.ts";
import { refusal } from "../../../refusal.ts";
import type { Training } from "./plan.ts";

/** How far a training had come when a model was scored. */
export interface Point {
  round: number;
  passes: number;
  /** Of training, as if all hospitals had trained at once. */
  seconds: number;
  /** Stratified, on `val`, in a fold on its own patients; null where there are no pairs. */
  auroc: number | null;
}

/** A finished training. */
export interface Row {
  key: string;
  training: Training;
  /** Digest of the shards, and of the label rule, that it was made from. */
  films: string;
  machine: string;
  passes: number;
  /** Films trained on. */
  trained: number;
  /** That it took here. */
  seconds: number;
  curve: Point[];
  /** Of the last model, of the films that it is tested on, in their order. */
  logits: number[];
}

/** The rows of a comparison's folder. */
export class Rows {
  private constructor(readonly path: string, readonly found: Map<string, Row>) {}

  /**
   * Reads what is there. A line that a kill or a full disk left half written is dropped.
   * @throws {Error} where the rows are of other shards or another label rule
   */
  static async open(dir: string, films: string): Promise<Rows> {
    await Deno.mkdir(dir, { recursive: true });
    const path = `${dir}/trainings.jsonl`;
    const text = await Deno.readTextFile(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    });
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole.length < text.length) await Deno.truncate(path, new TextEncoder().encode(whole).length);
    const rows = whole.split("\n").flatMap(rowIn);
    if (rows.some((row) => row.films !== films)) {
      throw refusal(Error, {
        what: `Cannot go on in ${dir}`,
        expected: "trainings on the same shards in the same order, by the same label rule",
        got: "trainings on others",
        remedy: "choose another --out, or name the shards, and --positive or --exclude, as before",
      });
    }
    return new Rows(path, new Map(rows.map((row) => [row.key, row])));
  }

  async add(row: Row): Promise<void> {
    await appendLine(this.path, JSON.stringify(row));
    this.found.set(row.key, row);
  }
}

/** The row of a line; none where the line is not whole. */
function rowIn(line: string): Row[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}
