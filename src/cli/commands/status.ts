import { lookInto } from "../../fed/state/look.ts";
import { refusal } from "../../refusal.ts";
import type { Context } from "../context.ts";
import type { status } from "../options/table/status.ts";
import { readEvents } from "../output/history.ts";
import { type Seen, statusOf } from "../output/status/status.ts";
import { statusText } from "../output/status/text.ts";

/** Exit code for a role that has ended before its run has: scripts tell it from a state that is not there, 1. */
const ENDED = 3;

/** Says where a role stands. */
export async function run({ values, output }: Context<typeof status>): Promise<number> {
  const dir = values.STATE.replace(/(.)\/+$/, "$1");
  const look = await lookInto(dir, ["result"]);
  if (look?.role == null) {
    throw refusal(Error, {
      what: `Cannot tell where the role of ${dir} stands`,
      expected: "its state folder, as --state names it",
      got: look === null ? "none" : "one that no role has begun",
      remedy:
        "look where that role was started: fedx-state/aggregator or fedx-state/NAME, unless --state says else",
    });
  }
  const seen = { role: look.role, running: look.running, result: look.values.result as Seen["result"] };
  const now = Date.now() / 1000;
  const found = statusOf(await readEvents(`${dir}/events.jsonl`), seen, now);
  output.result(found, statusText(found, now));
  return found.state === "ended" ? ENDED : 0;
}
