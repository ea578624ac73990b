/** Decodes films on a thread of its own, one at a time: a message with a file's bytes is answered by what came of it. */

import { DataError, type QuarantineReason } from "../quarantine.ts";
import { FilmDecoder, type GreyFilm } from "./film.ts";

/** What a worker answers. */
export type Answer =
  | { film: GreyFilm }
  | { refused: { reason: QuarantineReason; message: string } }
  /** No film can be read here, whatever the file. */
  | { failed: string };

/** The worker's side of its messages. */
interface Side {
  onmessage: ((event: MessageEvent<Uint8Array<ArrayBuffer>>) => void) | null;
  postMessage(answer: Answer, transfer: Transferable[]): void;
}

const side = self as unknown as Side;
const decoder = new FilmDecoder();

side.onmessage = async ({ data }) => {
  try {
    const film = await decoder.decode(data);
    side.postMessage({ film }, [film.pixels.buffer]);
  } catch (error) {
    const { message } = error as Error;
    side.postMessage(
      error instanceof DataError ? { refused: { reason: error.reason, message } } : { failed: message },
      [],
    );
  }
};
