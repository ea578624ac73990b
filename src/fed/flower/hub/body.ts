/** Bodies of calls, in bounded memory. */
import { joinChunks } from "../../wire/exchange.ts";
import { FleetRefusal } from "./refusal.ts";

/** Bytes of the longest call: an object of 5 MiB, or of the 20 MiB that a node may be told to make, and what is beside it. */
const LONGEST = 32 << 20;

/** @throws {FleetRefusal} `large` */
export async function bodyOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const taken: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > LONGEST) throw new FleetRefusal("large", `a call of more than ${LONGEST} bytes`);
    taken.push(chunk);
  }
  return taken.length === 1 ? taken[0] : joinChunks(taken);
}
