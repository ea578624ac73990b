/**
 * A silo's part in a run from the frozen plan on: it looks at the run, does what is asked of it there, and looks again,
 * until the run is finished.
 */
import { canonicalDigest } from "../../files/canonical.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Plan, RoundSettings, RunView } from "../protocol/messages.ts";
import { plural } from "../../plural.ts";
import { stageOf } from "../protocol/stage.ts";
import { RunClock } from "../state/run_clock.ts";
import type { SiloTest } from "../training/result.ts";
import { sleep } from "../wire/retry.ts";
import { checkRow, checkView } from "./agreement.ts";
import { finish, scoreLast, testSelected } from "./closing.ts";
import { RoundOver } from "./heartbeat.ts";
import { takeTurn } from "./turn.ts";
import type { TurnContext } from "./turn_context.ts";

/** Refusals after which a silo looks at the run again instead of giving up. */
const GO_ON = new Set(["round_closed", "no_roster", "model_missing", "other_base"]);

/** Does what the run asks of this silo until it is finished. @throws {ProtocolError} as `runSilo` */
export async function takePart(context: TurnContext): Promise<void> {
  const { client, state, silo, heartbeats, plan, maxPasses, masking, onEvent } = context;
  const { run, proposal } = state.joined!;
  const { since } = state.tally;
  const clock = new RunClock(since === null ? null : { run: since, wall: since });
  let test: SiloTest | null = null;
  let told = false;
  let view = await client.view();
  for (let done = "";; view = await client.view({ seen: done })) {
    refuseFailed(view);
    checkView(view, { run, proposal, plan });
    refuseRoster(view);
    done = stageOf(view);
    const { state: phase, row, selected } = view;
    // A silo that has trained nothing of this run answers nothing about its films.
    const asked = phase === "closing" && state.row !== null;
    if (!told && masking !== null && row !== null && !row.roster.includes(silo)) {
      onEvent({ type: "warning", text: goesOnWithout(row, plan) });
      told = true;
    }
    // A row whose roster was settled before this silo was ready goes on without it.
    const late = row !== null && view.roster !== null && !masking!.isReady(row);
    if (phase === "round" && row?.roster.includes(silo) && !late) {
      checkRow(row, { run, silo, plan, past: state.past, maxPasses });
      state.acceptRow(row);
      onEvent({ type: "row_accepted", round: row.round, sha256: canonicalDigest(row) });
      if (state.tally.since === null) state.tally = { ...state.tally, since: clock.now() };
      const over = heartbeats.follow(done);
      if (!await step(context, row.round, () => turn({ ...context, over }, row, view.roster))) done = "";
    } else if (asked && selected === null) {
      if (!await step(context, view.round + 1, () => scoreLast(context, view))) done = "";
    } else if (selected !== null && (asked || (phase === "finished" && test === null))) {
      const tested = await step(context, view.round + 1, () => testSelected(context, view, selected));
      if (tested) test = tested.value;
      else done = "";
    }
    heartbeats.doing = { run: view.run, round: view.round, phase: "waiting", step: 0, steps: 0 };
    if (view.state === "finished" && test !== null) {
      return await finish(context, view, { test, now: clock.now() });
    }
    if (done !== "") onEvent({ type: "idle", until: nextOf(view, { asked, silo }), round: view.round });
  }
}

/** Why a silo that is there has no part in a round of a masked run. */
function goesOnWithout({ round, roster }: RoundSettings, { masked }: Plan): string {
  return `round ${round} goes on without this silo, with ${
    roster.join(", ")
  }: two sums that differ by a silo tell of ` +
    `its update, so the silos of a masked run may change ${
      plural(masked!.rosterChanges, "time")
    } at most; this one ` +
    "waits, and is asked again in the closing phase";
}

/** What a silo waits for that has done all that a view asks of it. */
function nextOf(
  view: RunView,
  { asked, silo }: { asked: boolean; silo: string },
): "roster" | "round" | "selection" | "end" {
  const { row, roster, plan } = view;
  if (row?.roster.includes(silo) && plan!.masked !== null && roster === null) return "roster";
  if (view.state !== "closing") return "round";
  return asked && view.selected === null ? "selection" : "end";
}

/**
 * Takes one turn. It is over, too, when the aggregator says that it counts another update of this silo already, and when
 * the row's roster is settled without this silo.
 */
async function turn(context: TurnContext, row: RoundSettings, roster: string | null): Promise<void> {
  try {
    await takeTurn(context, row, roster);
  } catch (error) {
    const code = error instanceof ProtocolError ? error.code : "";
    if (code !== "different_update" && code !== "roster_closed") throw error;
    if (code === "different_update") context.state.counted = row.round;
    else context.state.dropPart(row.round);
    context.onEvent({ type: "update_dropped", round: row.round, code, reason: (error as Error).message });
  }
}

/** Does one step and gives its value; null when the run went on without it, so that the silo looks at the run again. */
async function step<T>(
  context: TurnContext,
  round: number,
  body: () => Promise<T>,
): Promise<{ value: T } | null> {
  try {
    return { value: await body() };
  } catch (error) {
    const code = error instanceof ProtocolError
      ? error.code
      : error instanceof RoundOver
      ? "round_closed"
      : "";
    if (!GO_ON.has(code)) throw error;
    context.state.dropPart(round);
    context.onEvent({ type: "update_dropped", round, code, reason: (error as Error).message });
    await sleep(0.2, context.signal);
    return null;
  }
}

/** @throws {ProtocolError} `not_agreed` for a roster to mask for in a run without masks */
function refuseRoster({ proposal, roster }: RunView): void {
  if (proposal.masked !== null || roster === null) return;
  throw new ProtocolError("not_agreed", { expected: "no roster in a run without masks", got: roster });
}

/** @throws {ProtocolError} `run_failed` */
export function refuseFailed(view: RunView): void {
  if (view.state !== "failed") return;
  throw new ProtocolError("run_failed", {
    expected: "a run that goes on",
    got: view.message ?? "a failed one",
  });
}
