/** An event of a role's log as somebody's last words. */
import type { FedEvent } from "../../../fed/protocol/event.ts";
import { describe } from "../event_log.ts";
import { phaseText } from "../who_is_there.ts";
import { plural } from "../../../plural.ts";

/** What was said; `silo` where the aggregator has heard it of one. */
export function wordsOf(event: FedEvent): { silo?: string; text: string } | null {
  switch (event.type) {
    case "progress":
      return { silo: event.silo, text: phaseText(event) };
    case "row": // without the time that was left then
      return { text: `round ${event.row.round} opened for ${event.row.roster.join(", ")}` };
    case "step":
      return { text: `round ${event.round}: step ${event.k} of ${event.K}` };
    case "uploaded":
      return { silo: event.silo, text: `update of round ${event.round} sent` };
    case "ready":
      return { silo: event.silo, text: `ready in round ${event.round}` };
    case "roster":
      return { text: `round ${event.round} sums ${event.silos.join(", ")}` };
    case "masked":
      return { text: `update of round ${event.round} masked` };
    case "finished":
      return { text: `finished after ${plural(event.rounds, "round")}` };
    case "stopped":
      return { text: "stopped by a signal" };
    case "refused":
      return { silo: event.peer, text: describe(event)!.replace(` ${event.peer}: `, ": ") };
    case "certificate":
    case "already_finished":
      return null;
  }
  const text = describe(event);
  if (text === undefined) return null;
  const silo = "silo" in event ? event.silo : undefined;
  // The table has the name before it.
  return {
    silo,
    text: silo !== undefined && text.startsWith(`${silo} `) ? text.slice(silo.length + 1) : text,
  };
}
