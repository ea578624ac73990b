/** Reads events.jsonl, the record of a run that goes on; what a finished run says of its rounds is in its result. */
import type { FedEvent } from "../../fed/protocol/event.ts";
import type { LoggedEvent } from "./event_log.ts";

/** Reads a growing file of events: each call gives those that were added since the one before. */
export class EventTail {
  readonly #path: string;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The new events, oldest first; a half-written last line waits for the next call. One that a kill has left in the middle
   * is passed over.
   */
  async next(): Promise<LoggedEvent[]> {
    const bytes = await this.#rest();
    const end = bytes.lastIndexOf(10) + 1;
    this.#offset += end;
    const lines = new TextDecoder().decode(bytes.subarray(0, end)).split("\n");
    lines.pop();
    return lines.flatMap(eventIn);
  }

  async #rest(): Promise<Uint8Array> {
    try {
      using file = await Deno.open(this.#path);
      await file.seek(this.#offset, Deno.SeekMode.Start);
      return await new Response(file.readable).bytes();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return new Uint8Array();
      throw error;
    }
  }
}

function eventIn(line: string): LoggedEvent[] {
  try {
    const { prev: _prev, ...event } = JSON.parse(line); // the chain's, which `fedx audit verify` looks at
    return [event];
  } catch {
    return [];
  }
}

/** All events of a file, oldest first. */
export async function readEvents(path: string): Promise<LoggedEvent[]> {
  return await new EventTail(path).next();
}

/** Waits for an event of a file. */
export async function waitForEvent<T extends FedEvent["type"]>(
  path: string,
  options: { type: T; signal: AbortSignal; where?: (event: Extract<FedEvent, { type: T }>) => boolean },
): Promise<Extract<FedEvent, { type: T }>> {
  const tail = new EventTail(path);
  while (true) {
    options.signal.throwIfAborted();
    for (const event of await tail.next()) {
      if (event.type !== options.type) continue;
      const typed = event as unknown as Extract<FedEvent, { type: T }>;
      if (options.where?.(typed) ?? true) return typed;
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
