/** What the rosters of a masked run so far mean for the next one. */
import type { Proposal } from "../protocol/messages.ts";
import type { SettledRoster } from "./masked_state.ts";

/** Whom the row before was masked for, and whether another roster may follow. */
export function rosterBefore(
  { proposal, masks: { rosters } }: {
    proposal: Proposal | null;
    masks: { rosters: ReadonlyMap<number, SettledRoster> };
  },
): { names: readonly string[]; fixed: boolean } | null {
  let before: readonly string[] | null = null, changes = 0;
  for (const { names } of rosters.values()) {
    if (before !== null && before.join() !== names.join()) changes++;
    before = names;
  }
  return before && { names: before, fixed: changes >= proposal!.masked!.rosterChanges };
}
