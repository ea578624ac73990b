// Why: a comparison is fair only between models that saw their films equally often, so that is counted, not planned.
import type { FedEvent } from "../../../fed/protocol/event.ts";

/** Passes over its own training films, by hospital. */
export type Passes = Record<string, number>;

/** Passes in the rounds that were finished, of the hospitals that did their part there. */
export function passesOf(events: readonly FedEvent[]): Passes {
  const committed = new Set(events.flatMap((event) => event.type === "committed" ? [event.round] : []));
  const counted = new Set(
    events.flatMap((event) =>
      event.type === "update_counted" || event.type === "no_step" ? [`${event.round} ${event.silo}`] : []
    ),
  );
  const passes: Passes = {};
  for (const event of events) {
    if (event.type !== "row" || !committed.has(event.row.round)) continue;
    for (const [silo, { from, to }] of Object.entries(event.row.silos)) {
      const add = counted.has(`${event.row.round} ${silo}`) ? to - from : 0;
      passes[silo] = (passes[silo] ?? 0) + add;
    }
  }
  return passes;
}

/** The nearest whole numbers of passes, at least 1: training alone takes no parts of one. */
export function wholePasses(passes: Passes): Passes {
  return Object.fromEntries(
    Object.entries(passes).map(([silo, count]) => [silo, Math.max(1, Math.round(count))]),
  );
}

/** `22.6 in the federation, 23 alone`, by hospital where they differ. */
export function describePasses({ federated, alone }: { federated: Passes; alone: Passes }): string {
  return `${described(federated)} in the federation, ${described(alone)} alone`;
}

function described(passes: Passes): string {
  const counts = Object.entries(passes).map(([silo, count]) => [silo, `${Math.round(count * 10) / 10}`]);
  const [first, ...others] = counts.map(([, count]) => count);
  return others.every((count) => count === first) ? first : counts.map((pair) => pair.join(" ")).join(", ");
}
