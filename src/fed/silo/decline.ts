/**
 * How a silo that does not take part says so: the aggregator's operator, who waits for it, hears the code and nothing
 * more; the whole sentence with its values stays with this silo's operator.
 */
import { declineOf } from "../protocol/decline.ts";
import { WIRE_VERSION } from "../protocol/messages.ts";
import type { Client } from "../wire/client.ts";

/**
 * Does what may end in declining run `run`; where it does, the aggregator is told the code, in one attempt, and the error
 * goes on. A silo that its operator stopped declines nothing.
 */
export async function declining<T>(
  client: Pick<Client, "decline">,
  run: string,
  options: { signal?: AbortSignal },
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!options.signal?.aborted) {
      await client.decline({ run, code: declineOf(error), wire: WIRE_VERSION }).catch(() => {});
    }
    throw error;
  }
}
