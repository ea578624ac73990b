/** What an app's configuration asks of a training, as numbers of our recipe; what we can't do is refused by name. */
import type { Recipe } from "../../model/recipe.ts";
import { refusal } from "../../refusal.ts";
import type { RecordValue } from "./codec/records.ts";

/** What a message's configuration came to. */
export interface Asked {
  /** The server's number of the round, where it says one. */
  round: number | null;
  /** Rounds in all, where it says how many. */
  rounds: number | null;
  /** Numbers of the recipe that it replaces. */
  recipe: Partial<Pick<Recipe, "lr" | "batch" | "localEpochs">>;
  /** Largest L2 norm of the update. */
  clip: number | null;
}

type Meaning = "round" | "rounds" | "lr" | "batch" | "localEpochs" | "clip" | "proximal";

/** Names in Flower's own apps and templates, with `_` for `-`. */
const MEANINGS: Record<string, Meaning> = {
  ...{ server_round: "round", current_round: "round", round: "round" },
  ...{ num_server_rounds: "rounds", num_rounds: "rounds" },
  ...{ lr: "lr", learning_rate: "lr" },
  ...{ batch_size: "batch" },
  ...{ local_epochs: "localEpochs", epochs: "localEpochs" },
  ...{ clipping_norm: "clip" },
  ...{ proximal_mu: "proximal" },
};

/**
 * Reads a message's configuration.
 *
 * @param options.ignored names that the hospital's operator lets pass unheeded
 * @throws {RangeError} naming the first that is unknown, no number, or not to be had
 */
export function readSettings(
  config: ReadonlyMap<string, RecordValue>,
  { ignored }: { ignored: readonly string[] },
): Asked {
  const asked: Asked = { round: null, rounds: null, recipe: {}, clip: null };
  const passed = new Set(ignored.map(plain)), said = new Set<Meaning>();
  for (const [name, value] of config) {
    const known = plain(name);
    if (passed.has(known)) continue;
    const meaning = Object.hasOwn(MEANINGS, known) ? MEANINGS[known] : undefined;
    if (meaning === undefined) throw refuse("only settings that fedx has", name);
    const number = typeof value === "bigint" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isFinite(number)) {
      throw refuse(`a number in ${name}`, typeof value);
    }
    if (said.has(meaning)) throw refuse(`one setting of its meaning`, name);
    said.add(meaning);
    take(asked, meaning, number);
  }
  return asked;
}

/** Names with `-` and with `_` are one. */
const plain = (name: string) => name.replaceAll("-", "_");

function take(asked: Asked, meaning: Meaning, value: number): void {
  if (meaning === "round" || meaning === "rounds") {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw refuse(`a whole number from 1 in ${meaning}`, String(value));
    }
    asked[meaning] = value;
  } else if (meaning === "proximal") {
    if (value !== 0) throw refuse("no proximal term", `proximal-mu ${value}`);
  } else if (meaning === "clip") {
    if (value <= 0) throw refuse("a clipping_norm above 0", String(value));
    asked.clip = value;
  } else asked.recipe[meaning] = value;
}

const refuse = (expected: string, got: string) =>
  refusal(RangeError, {
    ...{ what: "Cannot do what the Flower app asks", expected, got },
    remedy: "let the app's author leave it out, or the hospital name it in --ignore",
  });

/**
 * The update within an L2 norm of `clip` over all arrays, as Flower's clipping has it; changed in place.
 * @returns whether it was longer
 */
export function clipUpdate(vector: Float32Array, before: Float32Array, clip: number): boolean {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += (vector[i] - before[i]) ** 2;
  const factor = Math.min(1, clip / Math.sqrt(squares));
  if (factor === 1) return false;
  for (let i = 0; i < vector.length; i++) vector[i] = before[i] + factor * (vector[i] - before[i]);
  return true;
}
