/**
 * Refusals that others may cause without end are told one by one only so often: a log is not theirs to fill.
 *
 * Why strangers count together and each silo by itself: an address costs nothing, and no stranger is to keep from the
 * operator that a silo of this run was refused.
 */
import type { OnEvent } from "./event.ts";

/** Refusals that are told one by one in a stretch of time, seconds. */
const MOST = 20;
const STRETCH = 60;

/**
 * Hands events on; of refusals the first 20 in a minute of each silo and of all strangers together, and with the first
 * event after that minute how many more there were.
 * @param options.silos those of this run
 * @param options.now seconds of a clock that only rises @default the process's
 */
export function quietly(
  onEvent: OnEvent,
  options: { silos: readonly string[]; now?: () => number },
): OnEvent {
  const { silos, now = () => performance.now() / 1000 } = options;
  const stretches = new Map<string | null, { since: number; told: number; untold: number }>();
  const close = () => {
    for (const [who, { since, untold }] of stretches) {
      if (now() - since < STRETCH) continue;
      stretches.delete(who);
      const text = `${untold} more refusals of ${who ?? "strangers"} within a minute`;
      if (untold > 0) onEvent({ type: "warning", text });
    }
  };
  return (event) => {
    close();
    if (event.type !== "refused") return onEvent(event);
    const who = silos.includes(event.peer) ? event.peer : null;
    const stretch = stretches.get(who) ?? { since: now(), told: 0, untold: 0 };
    stretches.set(who, stretch);
    if (stretch.told++ < MOST) onEvent(event);
    else stretch.untold++;
  };
}
