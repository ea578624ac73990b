/**
 * One run as the aggregator holds it: what is committed, who is connected, and who waits for a change.
 *
 * The state is always read from what is committed, so a restarted aggregator and one that never stopped
 * answer alike. Nothing here reads a clock except `now`, which never enters a row.
 */
import type { Layout } from "../../model/layout.ts";
import { fingerprint } from "../../model/layout.ts";
import type { AggregatorState, StoredRow } from "./state.ts";
import { Attendance } from "./attendance.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { Recording } from "./replay.ts";
import { type Clock, RunClock } from "../state/run_clock.ts";
import { maxShareOf } from "./share.ts";
import {
  type Plan,
  planId,
  type Proposal,
  type Registration,
  type RunState,
  type RunView,
} from "../protocol/messages.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";

/** Seconds between two notes of the time. */
const REMEMBER = 5;

/** The run in the aggregator's memory. */
export class Run {
  readonly state: AggregatorState;
  readonly id: string;
  readonly proposal: Proposal;
  readonly layout: Layout;
  readonly fingerprint: string;
  readonly onEvent: OnEvent;
  readonly faultPoint: FaultPoint;
  /** Two silos may join with one shard: for experiments. */
  readonly allowSameShard: boolean;
  /** Largest part of all training images that one silo may have. */
  readonly maxShare: number;
  /** When this process took up a run that had rows (`now`); 0 for one that it began. */
  readonly resumed: number;
  /** The rows to run again, null for a run of its own. */
  readonly recording: Recording | null;
  readonly joined = new Map<string, Registration>();
  readonly attendance: Attendance;
  /** Silos that hold the finished run's model. */
  readonly fetched: Set<string>;
  plan: Plan | null;
  rows: StoredRow[];
  models: Map<number, string>;
  phase: RunState = "joining";
  message: string | undefined;
  selected: { round: number; sha256: string } | null;
  /** The round whose updates are being folded, or were last: it takes no more. */
  folding = 0;
  /** Bytes of models and updates moved so far. */
  bytes: number;
  readonly #clock: RunClock;
  #remembered = -Infinity;
  #change = Promise.withResolvers<void>();

  constructor(
    state: AggregatorState,
    options: {
      layout: Layout;
      onEvent: OnEvent;
      faultPoint: FaultPoint;
      silence?: number;
      allowSameShard?: boolean;
      maxShare?: number;
      clock?: Clock;
    },
  ) {
    this.state = state;
    this.id = state.run!;
    this.proposal = state.proposal!;
    this.layout = options.layout;
    this.fingerprint = fingerprint(options.layout);
    this.onEvent = options.onEvent;
    this.faultPoint = options.faultPoint;
    this.allowSameShard = options.allowSameShard ?? false;
    this.maxShare = options.maxShare ?? maxShareOf(this.proposal);
    this.recording = state.recording;
    this.plan = state.plan;
    this.#clock = new RunClock(state.folder.get("clock"), { longest: this.budget, clock: options.clock });
    this.rows = state.rows();
    this.resumed = this.rows.length === 0 ? 0 : this.now();
    this.models = state.models();
    this.selected = state.folder.get("selected");
    this.fetched = new Set(state.folder.get<string[]>("fetched"));
    this.bytes = state.folder.get<number>("bytes") ?? 0;
    for (const registration of state.registrations()) this.joined.set(registration.silo, registration);
    this.attendance = new Attendance(this, options);
  }

  /** Rounds done. */
  get rounds(): number {
    return Math.max(...this.models.keys());
  }

  /** Wall time of the run, seconds; null for none, and for a replay. */
  get budget(): number | null {
    return this.recording === null ? this.proposal.budget : null;
  }

  /** The committed row whose round is not done, if any. */
  get open(): StoredRow | null {
    const last = this.rows.at(-1);
    return last !== undefined && last.row.round > this.rounds ? last : null;
  }

  /** Whom the newest row is for; before the first, whom the plan knows. */
  get roster(): string[] {
    return this.rows.at(-1)?.row.roster ?? this.plan?.roster ?? [];
  }

  /** Training images n of a silo that joined: its weight in the sum. */
  examples(silo: string): number {
    return this.joined.get(silo)!.splits.train.images;
  }

  /** Seconds by the run's own clock, which never jumps. */
  now(): number {
    return this.#clock.now();
  }

  /** Stores the time every few seconds, so that a restart goes on from there: to be called more often than that. */
  remember(): void {
    if (this.now() - this.#remembered < REMEMBER) return;
    this.#remembered = this.now();
    try {
      this.state.folder.set("clock", this.#clock.moment());
    } catch {
      // A full disk: the next thing that must be stored says so.
    }
  }

  /** What silos are told. */
  view(): RunView {
    const open = this.phase === "round" ? this.open : null;
    return {
      version: 2,
      run: this.id,
      state: this.phase,
      proposal: this.proposal,
      plan: this.plan,
      planId: this.plan === null ? null : planId(this.plan),
      row: open?.row ?? null,
      round: open?.row.round ?? this.rounds,
      selected: this.selected,
      ...(this.message === undefined ? {} : { message: this.message }),
    };
  }

  /** Wakes everyone that waits. */
  notify(): void {
    const change = this.#change;
    this.#change = Promise.withResolvers();
    change.resolve();
  }

  /** Resolves at the next `notify`. */
  changed(): Promise<void> {
    return this.#change.promise;
  }

  /**
   * Waits until `ready()` or the deadline (as `now` counts); returns whether it is ready.
   * @throws the signal's reason when aborted.
   */
  async until(
    ready: () => boolean,
    options: { deadline?: number; signal?: AbortSignal } = {},
  ): Promise<boolean> {
    const { deadline = Infinity, signal } = options;
    const stopped = Promise.withResolvers<void>();
    const stop = () => stopped.resolve();
    signal?.addEventListener("abort", stop);
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (ready()) return true;
        const left = deadline - this.now();
        if (left <= 0) return false;
        const timer = alarm(left);
        await Promise.race([this.changed(), stopped.promise, timer.rung]).finally(timer.cancel);
      }
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Notes that the silo needs nothing more of this run. */
  tell(silo: string): void {
    if (this.fetched.has(silo)) return;
    this.fetched.add(silo);
    this.state.folder.set("fetched", [...this.fetched]);
    this.notify();
  }
}

/** Resolves `rung` after so many seconds, or earlier: setTimeout counts in a signed 32-bit number of milliseconds. */
function alarm(seconds: number): { rung: Promise<void>; cancel: () => void } {
  const { promise: rung, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(Math.ceil(seconds * 1000), 2 ** 31 - 1));
  return { rung, cancel: () => clearTimeout(timer) };
}
