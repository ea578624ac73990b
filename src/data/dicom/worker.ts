/** Decodes films on a thread of its own, one at a time: an order for a file is answered by what came of it. */

import { DataError, type QuarantineReason } from "../quarantine.ts";
import { FilmDecoder, type FilmOptions, type GreyFilm } from "./film.ts";

/** What a worker is asked for. */
export interface Order extends FilmOptions {
  file: Uint8Array<ArrayBuffer>;
}

/** What a worker answers. */
export type Answer =
  | { film: GreyFilm }
  | { refused: { reason: QuarantineReason; message: string } }
  /** No film can be read here, whatever the file. */
  | { failed: string };

/** The worker's side of its messages. */
interface Side {
  onmessage: ((event: MessageEvent<Order>) => void) | null;
  postMessage(answer: Answer, transfer: Transferable[]): void;
}

const side = self as unknown as Side;
const decoder = new FilmDecoder();

side.onmessage = async ({ data: { file, ...options } }) => {
  try {
    const film = await decoder.decode(file, options);
    side.postMessage({ film }, [film.pixels.buffer]);
  } catch (error) {
    const { message } = error as Error;
    side.postMessage(
      error instanceof DataError ? { refused: { reason: error.reason, message } } : { failed: message },
      [],
    );
  }
};
