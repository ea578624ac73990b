/** How often the sums of a run were over other silos than the one before, as each silo counts it for itself. */
import { ProtocolError } from "../protocol/errors.ts";
import type { Plan, RoundSettings } from "../protocol/messages.ts";
import { plural } from "../../plural.ts";

/** What a silo has masked last. */
interface MaskedBefore {
  round: number;
  /** In the proposal's order. */
  names: readonly string[];
  changes: number;
}

/**
 * How many changes of the roster the run has seen, as far as a silo can know, with the one of `names`.
 *
 * Why rounds without this silo count: each was masked for others, so the roster changed before and after it. Else sums
 * of {abc}, {acd} and {bcd}, none of whose silos sees more than one change, would solve for a, b and d where c tells.
 * @throws {ProtocolError} `roster_refused`
 */
export function countChanges(
  before: MaskedBefore | null,
  names: readonly string[],
  { plan, row }: { plan: Plan; row: RoundSettings },
): number {
  const { rosterChanges } = plan.masked!;
  const away = row.round - 1 > (before?.round ?? 0);
  const came = away || before?.names.join() !== names.join() ? 1 : 0;
  const changes = before === null ? Number(away) : before.changes + came + Number(away);
  if (changes <= rosterChanges) return changes;
  const others = away ? "the silos of the round before" : before!.names.join(", ");
  throw new ProtocolError("roster_refused", {
    expected: `${others} again, after ${plural(rosterChanges, "change")} of the roster`,
    got: away ? `${names.join(", ")}, after a round without this silo` : names.join(", "),
  });
}
