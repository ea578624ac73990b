/**
 * Silos that stay away: those that declined and may still join, and those that the operator goes on without.
 *
 * Both are stored: a restarted aggregator says again who declined, and goes on without the same silos.
 */
import type { DeclineCode } from "../protocol/decline.ts";
import { hasPart } from "./part.ts";
import { rosterBefore } from "./roster_before.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Without } from "./recording.ts";
import type { AggregatorState, Committed } from "./state.ts";
import { plural } from "../../plural.ts";

/** Fewest silos that the operator can go on with: one alone trains no shared model. */
const FEWEST = 2;

/** The silos that stay away from one run. */
export class Away {
  readonly #state: Committed;
  readonly #without: Without;
  #declined: Readonly<Record<string, DeclineCode>>;

  constructor(state: Committed) {
    this.#state = state;
    this.#without = withoutOf(state);
    this.#declined = state.folder.get("declined") ?? {};
  }

  /** Who has declined, and not joined since. */
  get declined(): Readonly<Record<string, DeclineCode>> {
    return this.#declined;
  }

  /** Notes why a silo does not join for now; returns whether that is news. */
  decline(silo: string, code: DeclineCode): boolean {
    if (this.#declined[silo] === code) return false;
    this.#store({ ...this.#declined, [silo]: code });
    return true;
  }

  /** Notes that a silo has joined. */
  join(silo: string): void {
    const { [silo]: declined, ...others } = this.#declined;
    if (declined !== undefined) this.#store(others);
  }

  #store(declined: Readonly<Record<string, DeclineCode>>): void {
    this.#state.folder.set("declined", declined);
    this.#declined = declined;
  }

  /** Whether the operator has left nobody out. */
  get none(): boolean {
    return Object.keys(this.#without).every((silo) => !this.isLeftOut(silo));
  }

  /**
   * Whether a round and all later ones go without this silo, as the operator said.
   * @param round @default the one that is open or comes next; after the last, the closing phase
   */
  isLeftOut(silo: string, round: number = this.#state.rounds + 1): boolean {
    return Object.hasOwn(this.#without, silo) && this.#without[silo] <= round;
  }
}

/** Whom the operator has left out so far. */
export function withoutOf({ folder }: Pick<AggregatorState, "folder">): Without {
  return folder.get<Without>("without") ?? {};
}

/** The refusal of leaving out silos that nobody has waited for yet. */
export function notBegun(): ProtocolError {
  return new ProtocolError("cannot_leave_out", {
    expected: "a run that has begun, its first round open",
    got: "one that has not",
    remedy: "leave them out of --silos instead, with --new",
  });
}

/**
 * Notes that the run goes on without these silos, for good: from the open round on, or from the next one for a silo that
 * has done its part there already. Those that were left out before stay so.
 * @throws {ProtocolError} `cannot_leave_out`
 */
export function leaveOut(state: AggregatorState, silos: readonly string[]): void {
  const before = withoutOf(state);
  const added = silos.filter((silo) => !Object.hasOwn(before, silo));
  if (added.length === 0) return;
  if (state.plan === null) throw notBegun();
  const open = state.rounds + 1;
  const there = state.proposal!.silos.filter((silo) =>
    state.joined.has(silo) && !Object.hasOwn(before, silo)
  );
  const strangers = added.filter((silo) => !there.includes(silo));
  if (strangers.length > 0) {
    throw new ProtocolError("cannot_leave_out", {
      expected: `silos that have joined: ${there.join(", ")}`,
      got: strangers.join(", "),
    });
  }
  const left = there.filter((silo) => !added.includes(silo));
  checkMasked(state, added);
  const least = state.proposal!.masked?.minCohort ?? FEWEST;
  if (left.length < least) {
    throw new ProtocolError("cannot_leave_out", {
      expected: `at least ${least} silos to go on with`,
      got: left.join(", ") || "none",
      remedy: "bring the missing silos back, or begin another run with --new",
    });
  }
  const still = state.current?.row.roster.filter((silo) => left.includes(silo));
  const fewest = state.proposal!.masked?.minCohort ?? 1; // a row that is open keeps its roster
  if (still !== undefined && still.length < fewest) {
    throw new ProtocolError("cannot_leave_out", {
      expected: `at least ${plural(fewest, "silo")} to go on with in round ${open}, which is open`,
      got: still.join(", ") || "none",
      remedy: "bring one of them back",
    });
  }
  const from = (silo: string) => hasPart(state, open, silo) ? open + 1 : open;
  state.folder.set("without", { ...before, ...Object.fromEntries(added.map((silo) => [silo, from(silo)])) });
}

/** Masks cancel in the sum over a settled roster alone, and rosters may change only so often. */
function checkMasked(state: AggregatorState, added: readonly string[]): void {
  if (state.proposal!.masked === null) return;
  const open = state.rounds + 1;
  const remedy =
    "bring them back, or begin another run without them: --new, with another --seed or --init, since silos " +
    "mask no weights again for others than before";
  const awaited = state.masks.rosters.get(open)?.names.filter((silo) =>
    added.includes(silo) && !hasPart(state, open, silo)
  );
  if (awaited !== undefined && awaited.length > 0) {
    const expected = `silos whose update round ${open} does not need: its roster is settled`;
    throw new ProtocolError("cannot_leave_out", { expected, got: awaited.join(", "), remedy });
  }
  const before = rosterBefore(state);
  const needed = before?.fixed ? before.names.filter((silo) => added.includes(silo)) : [];
  if (needed.length > 0) {
    const expected = "no further change of the roster: it has changed as often as the masked run allows";
    throw new ProtocolError("cannot_leave_out", { expected, got: needed.join(", "), remedy });
  }
}
