/**
 * One run as the aggregator's process holds it: what is committed (`state`), who is there, who waits, and its phase.
 *
 * A run goes on by four steps: its plan is frozen (`freeze`), a round is opened (`open`), a silo's update is counted
 * (`count`), a round is closed (`close`). `join`, `score` and `masks` take what a silo says of itself, the methods below
 * them end the run. Nobody else changes it, and each step is on disk before anyone hears of it: a restarted aggregator
 * and one that never stopped answer alike. Nothing reads a clock except `now`, which never enters a row.
 */
import type { Layout } from "../../model/layout.ts";
import type { AggregatorState, Committed } from "./state.ts";
import { Attendance } from "./attendance.ts";
import { Changes, type WaitOptions } from "./changes.ts";
import { Away } from "./away.ts";
import type { DeclineCode } from "../protocol/decline.ts";
import type { FedEvent, OnEvent, RowCourse } from "../protocol/event.ts";
import type { Issuer } from "../pki/issuer.ts";
import type { Recording } from "./recording.ts";
import type { RunOptions } from "./run_options.ts";
import type { StoredRow } from "./stored.ts";
import type { Selection } from "../maths/selection.ts";
import { Served } from "./served.ts";
import { RunMasks } from "./run_masks.ts";
import { RunClock } from "../state/run_clock.ts";
import { maxShareOf } from "./max_share.ts";
import {
  type Plan,
  planId,
  type Proposal,
  type Receipt,
  type Registration,
  type RunState,
  type RunView,
  type Scores,
  scoresVal,
} from "../protocol/messages.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import type { AggregatorResult } from "../training/result.ts";

/** The run in the aggregator's memory. */
export class Run {
  /** What is committed; only this class takes its steps. */
  readonly state: Committed;
  readonly id: string;
  readonly proposal: Proposal;
  readonly layout: Layout;
  readonly onEvent: OnEvent;
  readonly faultPoint: FaultPoint;
  readonly allowSameShard: boolean;
  readonly maxShare: number;
  readonly ca: Issuer | undefined;
  /** When this process took up a run that had rows (`now`); 0 for one that it began. */
  readonly resumed: number;
  /** The rows to run again, null for a run of its own. */
  readonly recording: Recording | null;
  readonly attendance: Attendance;
  readonly away: Away;
  readonly served: Served;
  readonly masks: RunMasks;
  /** CRC-32 of the open round's files that this process has hashed. */
  readonly hashed = new Map<string, number>();
  readonly #state: AggregatorState;
  readonly #clock: RunClock;
  readonly #changes: Changes;
  #phase: RunState = "joining";
  #message: string | undefined;
  #planId: string | null;
  #selected: RunView["selected"];
  #folding = 0;
  #bytes: number;

  constructor(state: AggregatorState, options: RunOptions) {
    this.state = this.#state = state;
    this.id = state.run!;
    this.proposal = state.proposal!;
    this.layout = options.layout;
    this.onEvent = options.onEvent;
    this.faultPoint = options.faultPoint;
    this.allowSameShard = options.allowSameShard ?? false;
    this.maxShare = options.maxShare ?? maxShareOf(this.proposal);
    this.ca = options.ca;
    this.recording = state.recording;
    this.#clock = new RunClock(state.folder.get("clock"), { longest: this.budget, clock: options.clock });
    this.#changes = new Changes(this.#clock);
    this.resumed = state.rows.length === 0 ? 0 : this.now();
    this.#planId = state.plan && planId(state.plan);
    this.#selected = state.folder.get("selected");
    this.served = new Served(state.folder);
    this.masks = new RunMasks(state.masks, (event) => this.#tell(event));
    this.#bytes = state.folder.get<number>("bytes") ?? 0;
    if (state.current !== null) this.#phase = "round";
    if (state.folder.get("result") !== null) this.#phase = "finished";
    this.away = new Away(state);
    const { joined } = state;
    this.attendance = new Attendance({
      silos: this.proposal.silos,
      joined,
      present: state.rows.length === 0 ? [...joined.keys()] : this.roster,
      silence: options.silence,
      now: () => this.now(),
      round: () => this.view().round,
      onEvent: (event) => this.#tell(event),
    });
  }

  get phase(): RunState {
    return this.#phase;
  }

  get selected(): RunView["selected"] {
    return this.#selected;
  }

  /** The round whose updates are being folded, or were last: it takes no more. */
  get folding(): number {
    return this.#folding;
  }

  /** Bytes of models and updates moved so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Wall time of the run, seconds; null for none, and for a replay. */
  get budget(): number | null {
    return this.recording === null ? this.proposal.budget : null;
  }

  /** Whom the newest row is for and who is not left out of it; before the first row, whom the plan knows. */
  get roster(): readonly string[] {
    const { rows, plan } = this.state;
    const roster = rows.at(-1)?.row.roster ?? plan?.roster ?? [];
    return roster.filter((silo) => !this.away.isLeftOut(silo, rows.length));
  }

  /** Training images n of a silo that joined: its weight in the sum. */
  examples(silo: string): number {
    return this.state.joined.get(silo)!.splits.train.images;
  }

  /** What silos are told. */
  view(): RunView {
    const { current, rounds, plan, folder } = this.state;
    const row = this.#phase === "round" ? current?.row ?? null : null;
    return {
      version: 3,
      run: this.id,
      state: this.#phase,
      proposal: this.proposal,
      plan,
      planId: this.#planId,
      row,
      roster: row === null ? null : this.state.masks.rosters.get(row.round)?.digest ?? null,
      round: row?.round ?? rounds,
      selected: this.#selected,
      ...(this.#phase === "finished" ? { missing: folder.get<AggregatorResult>("result")!.missing } : {}),
      ...(this.#message === undefined ? {} : { message: this.#message }),
    };
  }

  /** Takes a registration, or the same one again. */
  join(registration: Registration): void {
    this.away.join(registration.silo);
    this.#state.join(registration);
    this.#tell({ type: "joined", silo: registration.silo, registration });
  }

  /** Notes why a silo does not join for now; the same reason again changes nothing. Until the plan is frozen it may leave. */
  decline(silo: string, code: DeclineCode): void {
    if (this.state.plan === null && this.state.joined.has(silo)) this.forget(silo);
    if (this.away.decline(silo, code)) this.#tell({ type: "declined", silo, code });
  }

  /** Forgets a registration, so that the silo may come with another one. */
  forget(silo: string): void {
    this.#state.forget(silo);
  }

  /** Fixes the plan for the whole run. */
  freeze(plan: Plan): void {
    this.#state.freeze(plan);
    this.#planId = planId(plan);
    this.onEvent({ type: "plan", planId: this.#planId, plan });
  }

  /** Opens the next round, or again the one that was open when a process ended. @param course what the event of it says */
  open(stored: StoredRow, course: RowCourse): void {
    if (stored !== this.state.current) this.#state.open(stored);
    this.#phase = "round";
    this.#tell({ type: "row", row: stored.row, course });
  }

  /** Counts an update of the open round, which has arrived whole. */
  count(receipt: Receipt): void {
    this.#state.count(receipt);
    const { round, silo, sha256, examples } = receipt;
    this.#tell({ type: "update_counted", silo, round, sha256, examples });
  }

  /** Counts no more updates of the open round. A restart does so after all: nobody has heard of it. */
  stopCounting(): void {
    this.#folding = this.state.rows.length;
  }

  /** Closes the open round with the model that `state.modelPath` holds. @param model.held rounds whose models stay */
  close({ row, opened }: StoredRow, model: { sha256: string; held: readonly number[] }): void {
    const { sha256, held } = model;
    this.#state.close(row.round, sha256, { now: this.now(), bytes: this.#bytes, held });
    this.onEvent({ type: "committed", round: row.round, sha256, seconds: this.now() - opened });
  }

  /** Takes what a silo says of its turn and of the newest model or, with `test`, of the selected one. */
  score(silo: string, scores: Scores): void {
    this.#state.score(silo, scores);
    const { round, test } = scores;
    if (test !== undefined) this.#tell({ type: "tested", silo, auroc: test.auroc, images: test.images });
    else if (scoresVal(scores)) this.#tell({ type: "scored", silo, round, scores });
    else this.notify();
  }

  /** Gives up the open round at the end of the budget. */
  abandon(round: number, reason: string): void {
    this.state.folder.set("abandoned", round);
    this.onEvent({ type: "abandoned", round, reason });
  }

  /** Begins the closing phase: no row follows. */
  beginClosing(): void {
    this.state.folder.set("closing", true);
    this.#phase = "closing";
    this.#tell({ type: "closing", rounds: this.state.rounds });
  }

  /** Chooses the model that the run hands over. @param seconds what the run took */
  select({ round, auroc, reason }: Selection, seconds: number): void {
    const selected = { round, sha256: this.state.models.get(round)! };
    this.state.folder.set("seconds", seconds);
    this.state.folder.set("selected", selected);
    this.#selected = selected;
    this.#tell({ type: "selected", ...selected, auroc, reason });
  }

  /** Ends the run well; the result says when. */
  finish(result: AggregatorResult): AggregatorResult {
    const finished = { ...result, finished: new Date(this.#clock.moment().wall * 1000).toISOString() };
    this.state.folder.set("result", finished);
    this.#phase = "finished";
    this.notify();
    return finished;
  }

  /** Ends this process's part; what is committed stays, so that a restart goes on. @param told what silos are told */
  fail(message: string, told: string): void {
    this.#phase = "failed";
    this.#message = told;
    this.#tell({ type: "failed", message });
  }

  /** Notes that the silo holds the finished run's model and needs nothing more. */
  leave(silo: string): void {
    if (this.served.add(silo)) this.notify();
  }

  /** Notes that so many bytes of a model or an update were moved; stored when the next round closes. */
  moved(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Seconds by the run's own clock, which never jumps. */
  now(): number {
    return this.#clock.now();
  }

  /** Stores the time every few seconds, so that a restart goes on from there: to be called more often than that. */
  storeTime(): void {
    this.#clock.keep((moment) => this.state.folder.set("clock", moment));
  }

  /** Calls `ring` every so many seconds by the run's clock; returns what ends that. */
  every(seconds: number, ring: () => void): () => void {
    return this.#clock.every(seconds, ring);
  }

  /** Wakes everyone that waits. */
  notify(): void {
    this.#changes.notify();
  }

  /**
   * Waits until `ready()` or the deadline (as `now` counts); returns whether it is ready.
   * @throws the signal's reason when aborted.
   */
  until(ready: () => boolean, options: WaitOptions = {}): Promise<boolean> {
    return this.#changes.until(ready, options);
  }

  #tell(event: FedEvent): void {
    this.onEvent(event);
    this.notify();
  }
}
