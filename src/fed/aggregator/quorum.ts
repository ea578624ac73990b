/**
 * How long the aggregator waits for silos, and for how many: for all who are not lost, for a quorum at the timeout.
 *
 * Below the quorum nothing is closed: the same row opens again and what has counted stays counted, until the join
 * timeout, counted from the first re-opening, is over.
 */
import { ProtocolError } from "../protocol/errors.ts";
import { DECLINES } from "../protocol/decline.ts";
import { FAILURES } from "../protocol/failures.ts";
import { checkShares, planOf } from "./join.ts";
import type { Run } from "./run.ts";
import { medianWall } from "./timing.ts";

/** Seconds a first round may take. */
const FIRST_ROUND = 3600;
/** Fewest seconds before a later round is given up. */
const SHORTEST = 600;
/** A round may take so many times the median one. */
const PATIENCE = 3;

/** What silos are waited for with. */
export interface Wanted {
  /** For people, in the plural. */
  what: string;
  round: number;
  /** Whom it is wanted from; may grow while a silo joins. */
  roster: () => string[];
  /** Whether it came from this silo. */
  has: (silo: string) => boolean;
  /** How many are enough. @default the quorum */
  least?: number;
  /** When waiting ends whatever has come, as the run counts time. @default Infinity */
  giveUp?: number;
  signal?: AbortSignal;
}

/**
 * Waits until the invited silos have joined, or a quorum of them at the join timeout; then freezes the plan.
 * @throws {ProtocolError} `join_timeout`, `share_too_large`.
 */
export async function freezePlan(run: Run, signal?: AbortSignal): Promise<void> {
  const { silos, joinTimeout, quorum } = run.proposal;
  const missing = () => silos.filter((silo) => !run.state.joined.has(silo));
  const all = () => missing().length === 0;
  const { declined } = run.away;
  run.onEvent({ type: "waiting", joined: [...run.state.joined.keys()], declined, seconds: joinTimeout });
  if (
    !await run.until(all, { deadline: run.now() + joinTimeout, signal }) && run.state.joined.size < quorum
  ) {
    throw notJoined(run, missing());
  }
  checkShares(run);
  run.freeze(planOf(run.proposal, run.state.joined.values()));
}

/** The failure of a run that too few have joined; who declined, and for what, is said. */
function notJoined(run: Run, missing: readonly string[]): ProtocolError {
  const { away: { declined }, proposal: { silos, joinTimeout } } = run;
  const silent = missing.filter((silo) => declined[silo] === undefined);
  const told = missing.flatMap((silo) =>
    declined[silo] === undefined ? [] : [`${silo} declined (${DECLINES[declined[silo]]})`]
  );
  const remedy = "have it corrected where it was declined, or use other settings and --new";
  return new ProtocolError("join_timeout", {
    expected: `${quorumOf(run, silos)} within ${joinTimeout} s`,
    got: [...silent.length === 0 ? [] : [`nothing from ${silent.join(", ")}`], ...told].join("; "),
    ...told.length === 0 ? {} : { remedy: `${remedy}; ${FAILURES.join_timeout.remedy}` },
  });
}

/** Whom the run still counts on: who is invited and not left out by the operator. */
export function invited({ proposal: { silos }, away }: Run): string[] {
  return silos.filter((silo) => !away.isLeftOut(silo));
}

/** How many silos are enough: the quorum that was proposed, or all that the operator has not left out. */
export function quorumNow(run: Run): number {
  return Math.min(run.proposal.quorum, invited(run).length);
}

/** How many of a row's so many silos are enough: whom the operator left out may have made it a quorum. */
export function quorumAmong(run: Run, silos: number): number {
  return run.away.none ? quorumNow(run) : Math.min(quorumNow(run), silos);
}

/** How many of these silos are enough, for people. */
export function quorumOf(run: Run, silos: readonly string[], least = quorumNow(run)): string {
  const all = least >= silos.length || least === invited(run).length;
  return all ? silos.join(", ") : `${least} of ${silos.join(", ")}`;
}

/** Who of the roster has not sent what is wanted. */
export function lacking({ roster, has }: Pick<Wanted, "roster" | "has">): string[] {
  return roster().filter((silo) => !has(silo));
}

/** Whether those that sent it are a quorum. */
function enough(run: Run, wanted: Wanted): boolean {
  const roster = wanted.roster().length;
  if (wanted.least !== undefined) return roster - lacking(wanted).length >= wanted.least;
  return roster - lacking(wanted).length >= quorumAmong(run, roster);
}

/** Whether nobody has to be waited for: a quorum has sent it and whoever has not is lost. */
export function settled(run: Run, wanted: Wanted): boolean {
  return enough(run, wanted) && lacking(wanted).every((silo) => run.attendance.isLost(silo));
}

/**
 * Waits for silos. `enough`: all of them that are not lost, or a quorum at the timeout. `given_up`: no quorum by
 * `giveUp`. `absent`: none by the end of the join timeout that began with the first re-opening.
 */
export async function gather(run: Run, wanted: Wanted): Promise<"enough" | "given_up" | "absent"> {
  const { round, giveUp = Infinity, signal } = wanted;
  let last = Infinity;
  for (;;) {
    const deadline = Math.min(timeoutAt(run, run.now()), last, giveUp);
    if (await run.until(() => settled(run, wanted), { deadline, signal })) return "enough";
    if (enough(run, wanted)) return "enough";
    const now = run.now();
    if (now >= giveUp) return "given_up";
    if (now >= last) return "absent";
    last = Math.min(last, now + run.proposal.joinTimeout);
    run.onEvent({ type: "reopened", round, missing: lacking(wanted), seconds: last - now });
  }
}

/** When what opened or opened again at `opened` times out. */
export function timeoutAt(run: Run, opened: number): number {
  const { roundTimeout } = run.proposal;
  if (roundTimeout !== null) return opened + roundTimeout;
  const median = medianWall(run);
  return opened + (median === null ? FIRST_ROUND : Math.max(SHORTEST, PATIENCE * median));
}
