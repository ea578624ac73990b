/**
 * Refusals that others may cause, and silos that decline, now for this and now for that, without end are told one by one only so often: a log is not theirs to fill.
 *
 * Why strangers count together and each silo by itself: an address costs nothing, and no stranger is to keep from the
 * operator that a silo of this run was refused.
 */
import type { OnEvent } from "../protocol/event.ts";
import { plural } from "../../plural.ts";

/** Refusals that are told one by one in a stretch of time, seconds. */
const MOST = 20;
const STRETCH = 60;

/**
 * Hands events on; of refusals and silos that decline the first 20 in a minute of each silo and of all strangers together, and once that minute
 * is over, or this is disposed of, how many more there were.
 * @param options.silos those of this run
 * @param options.stretch seconds that are meant by a minute @default 60
 * @param options.now seconds of a clock that only rises @default the process's
 */
export function limitRefusals(
  onEvent: OnEvent,
  options: { silos: readonly string[]; stretch?: number; now?: () => number },
): OnEvent & Disposable {
  const { silos, stretch: long = STRETCH, now = () => performance.now() / 1000 } = options;
  const stretches = new Map<string | null, { since: number; told: number; untold: number }>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  const close = (least: number) => {
    for (const [who, { since, untold }] of stretches) {
      if (now() - since < least) continue;
      stretches.delete(who);
      const text = `${plural(untold, "more refusal")} of ${who ?? "strangers"} within a minute`;
      if (untold > 0) onEvent({ type: "warning", text });
    }
  };
  /** Nothing else may come to tell them with. */
  const wake = () => {
    timer = undefined;
    close(long);
    if (stretches.size > 0) timer = setTimeout(wake, long * 1000);
  };
  const tell: OnEvent = (event) => {
    close(long);
    if (event.type !== "refused" && event.type !== "declined") return onEvent(event);
    if (!over) timer ??= setTimeout(wake, long * 1000);
    const peer = event.type === "refused" ? event.peer : event.silo;
    const who = silos.includes(peer) ? peer : null;
    const stretch = stretches.get(who) ?? { since: now(), told: 0, untold: 0 };
    stretches.set(who, stretch);
    if (stretch.told++ < MOST) onEvent(event);
    else stretch.untold++;
  };
  return Object.assign(tell, {
    [Symbol.dispose]() {
      over = true;
      clearTimeout(timer);
      close(0);
    },
  });
}
