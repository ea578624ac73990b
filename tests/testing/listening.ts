/** An aggregator of this process that is there while a test speaks to it. */
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { freePort } from "./free_port.ts";
import { type RoleSpec, runRole } from "./fake_federation.ts";

/** Runs `body` while an aggregator listens; returns the aggregator's result, or the error that it ended with. */
export async function withAggregator(
  dir: string,
  body: (spec: RoleSpec, events: FedEvent[]) => Promise<void>,
  changes: Partial<RoleSpec> = {},
): Promise<unknown> {
  const stop = new AbortController();
  const events: FedEvent[] = [];
  const spec: RoleSpec = { dir, port: freePort(), role: "aggregator", ...changes };
  const up = Promise.withResolvers<void>();
  const aggregator = runRole(spec, {
    signal: stop.signal,
    onEvent: (event) => {
      events.push(event);
      if (event.type === "listening") up.resolve();
    },
  }).catch((error) => error);
  try {
    await Promise.race([up.promise, aggregator]);
    await body(spec, events);
  } finally {
    stop.abort();
    await aggregator;
  }
  return await aggregator;
}
