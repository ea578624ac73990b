/** Refusals that strangers may cause without end are told one by one only so often: a log is not theirs to fill. */
import type { OnEvent } from "./event.ts";

/** Refusals that are told one by one in a stretch of time, seconds. */
const MOST = 20;
const STRETCH = 60;

/**
 * Hands events on; of refusals the first 20 in a minute, and with the first of the next minute how many there were more.
 * @param now seconds of a clock that only rises @default the process's
 */
export function quietly(onEvent: OnEvent, now = () => performance.now() / 1000): OnEvent {
  let since = -Infinity, told = 0, untold = 0;
  return (event) => {
    if (event.type !== "refused") return onEvent(event);
    if (now() - since >= STRETCH) {
      if (untold > 0) onEvent({ type: "warning", text: `${untold} more connections were refused before` });
      [since, told, untold] = [now(), 0, 0];
    }
    if (told++ < MOST) onEvent(event);
    else untold++;
  };
}
