/**
 * What an app asked for and cannot have, in words for its server. Only such words leave the hospital: any other error may
 * name a folder of this machine or hold what a file holds.
 */
import { ascii } from "../protocol/ascii.ts";
import { type Refusal, sentence } from "../../refusal.ts";

/** Signs of the longest text of the other side that is passed on. */
const LONGEST = 300;

/** A text from the other side as printable ASCII, no longer than a line or two. */
export function cut(text: string): string {
  return ascii(text.slice(0, LONGEST + 1)).replace(new RegExp(`^(.{${LONGEST}}).+$`), "$1...");
}

/** A refusal that the app's server is told. */
export class AppRefused extends Error {
  override readonly name = "AppRefused";

  constructor(reason: string, options?: ErrorOptions) {
    super(cut(reason), options);
  }

  /** From what was expected and what came. */
  static of(refusal: Omit<Refusal, "what"> & { what?: string }): AppRefused {
    return new AppRefused(sentence({ what: "Cannot answer the Flower app", ...refusal }));
  }
}

/** Runs what reads an app's message and nothing else, so that its refusals are the message's own. @throws {AppRefused} */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AppRefused) throw error;
    throw new AppRefused((error as Error).message, { cause: error });
  }
}
