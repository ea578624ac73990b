/**
 * What the roles report through `onEvent`, as one discriminated union; only `src/cli` prints. No event holds a
 * pixel, a score of one image, a patient id or a file name of one.
 */
import type { DeclineCode } from "./decline.ts";
import type { Plan, Proposal, Registration, RoundSettings, Scores, SiloPhase } from "./messages.ts";
import type { ChainHead, SignedHead } from "./signed_head.ts";

/**
 * What a silo is doing in the round: the phase that it tells in its heartbeats, or what the aggregator knows by itself,
 * that its update is counted, that it is late, or that its connection is lost.
 */
export interface Standing {
  state: SiloPhase | "counted" | "late" | "lost";
  /** Steps done and to do while training, else 0. */
  step: number;
  steps: number;
}

/** How far a run has come when a round is open, in seconds by its own clock. */
export interface RowCourse {
  /** Rounds in all, null where only a budget limits the run; the budget, null for none. */
  rounds: number | null;
  budget: number | null;
  /** What rounds took of late, null before one is done. */
  usual: number | null;
  /** Since round 1 opened, and since this one first did: before a restart it may have been. */
  elapsed: number;
  open: number;
}

/**
 * One thing that happened. Both roles use the same events; where `silo` may be absent, the silo that reports the event
 * means itself.
 */
export type FedEvent =
  // The aggregator's life.
  | { type: "listening"; host: string; port: number; run: string }
  /** SuperNodes of sites with Flower may call there. */
  | { type: "flower_listening"; host: string; port: number }
  | { type: "resumed"; run: string; state: string; round: number }
  | { type: "proposal"; proposal: Proposal }
  /** The aggregator waits for silos to join, `seconds` at most; who joined, and who declined before, is there too. */
  | { type: "waiting"; joined: string[]; declined: Record<string, DeclineCode>; seconds: number }
  | { type: "joined"; silo: string; registration: Registration }
  | { type: "declined"; silo: string; code: DeclineCode }
  | { type: "plan"; planId: string; plan: Plan }
  | { type: "row"; row: RoundSettings; course: RowCourse }
  | { type: "pulled"; round: number; bytes: number; seconds?: number; silo?: string }
  | { type: "scored"; silo: string; round: number; scores: Scores }
  | { type: "progress"; silo: string; round: number; phase: SiloPhase; step: number; steps: number }
  | { type: "upload_started"; silo: string; round: number; bytes: number; offset: number }
  | { type: "uploaded"; silo: string; round: number; bytes: number }
  | { type: "update_counted"; silo: string; round: number; sha256: string; examples: number }
  /** A silo's update for a masked round is on its disk; then: these are masked for, in a sum of all of them. */
  | { type: "ready"; silo: string; round: number }
  | { type: "roster"; round: number; sha256: string; silos: string[] }
  /** The round holds no step for the silo, and what it sent instead of an update is there. */
  | { type: "no_step"; silo: string; round: number }
  | { type: "folded"; round: number; sha256: string; seconds: number }
  | { type: "committed"; round: number; sha256: string; seconds: number }
  | { type: "late"; silo: string; round: number; state: Standing["state"]; step: number; steps: number }
  | { type: "degraded"; round: number; missing: string[] }
  | { type: "reopened"; round: number; missing: string[]; seconds: number }
  | { type: "abandoned"; round: number; reason: string }
  | { type: "closing"; rounds: number }
  | { type: "selected"; round: number; sha256: string; auroc: number | null; reason: string }
  | { type: "tested"; silo: string; auroc: number | null; images: number }
  | { type: "finished"; rounds: number; sha256: string }
  /** A silo, whose run is over, scores the start model on its own films. */
  | { type: "comparing"; images: number }
  | { type: "failed"; message: string }
  /** A signal has ended the role. */
  | { type: "stopped" }
  /** The state held a finished run already: since when, and the path of its last model where there is one. */
  | { type: "already_finished"; at: string | null; last: string | null }
  // What a silo does in the round, and what it waits for when it has nothing to do: the plan, the round after `round`,
  // the selected model, or the end.
  | { type: "phase"; phase: Exclude<SiloPhase, "waiting">; round: number }
  | { type: "idle"; until: "plan" | "roster" | "round" | "selection" | "end"; round: number }
  // A silo's turn.
  | { type: "training"; round: number; firstStep: number; steps: number }
  | { type: "step"; round: number; k: number; K: number; loss: number }
  | { type: "update_written"; round: number; sha256: string; bytes: number }
  /** The update with its masks is on disk; the newest `roster` says whom it is masked for. */
  | { type: "masked"; round: number; sha256: string; bytes: number }
  | { type: "update_dropped"; round: number; code: string; reason: string }
  | { type: "model_stored"; path: string; round: number; sha256: string }
  // Connections and identity.
  | { type: "connected"; server: string }
  | { type: "certificate"; name: string; fingerprint: string; expires: string }
  /** A silo's connection; a closed one's silo was heard for the last time `ago` seconds before. */
  | { type: "session"; silo: string; open: true }
  | { type: "session"; silo: string; open: false; ago: number }
  | { type: "lost"; silo: string; round: number; reason: string }
  | { type: "returned"; silo: string; round: number }
  // A request failed and is tried again after `wait` seconds, for `left` seconds at most; later: they are all answered.
  | { type: "retry"; reason: string; attempt: number; wait: number; left: number }
  | { type: "reached" }
  | { type: "refused"; peer: string; code: string; expected?: string; got?: string }
  | { type: "warning"; text: string }
  // The audit: what only the log keeps (src/fed/audit/).
  /** A log is gone on with that had so many lines; `cut` bytes of one that a kill had left unfinished are gone. */
  | { type: "log_resumed"; lines: number; cut: number }
  /** So many lines could not be written before this one. */
  | { type: "lines_lost"; lines: number }
  /** This role has signed the log up to here. */
  | { type: "head"; head: SignedHead }
  /** Another role's signed head, and which of this role's it holds itself, null for none. */
  | { type: "head_taken"; head: SignedHead; held: ChainHead | null }
  /** A body has left this silo, or since the line before so many heartbeats; of an update's parts the digest is the update's. */
  | { type: "sent"; kind: string; bytes: number; sha256: string; count: number }
  /** A silo has accepted a row; SHA-256 of the canonical row. */
  | { type: "row_accepted"; round: number; sha256: string }
  /** The aggregator's word that this silo's update counts; and that it has said so again. */
  | { type: "receipt"; round: number; sha256: string; examples: number }
  | { type: "receipt_repeated"; silo: string; round: number; sha256: string; examples: number };

/** Receives every event, synchronously. */
export type OnEvent = (event: FedEvent) => void;

/**
 * The listener, with its failures kept from the role: it is called inside callbacks of connections and timers, where an
 * error that is thrown would end the whole process.
 */
export function safely(onEvent: OnEvent = () => {}): OnEvent {
  return (event) => {
    try {
      const taken: unknown = onEvent(event);
      // The type allows an async function too, and its unhandled rejection would end the process.
      if (taken instanceof Promise) taken.catch(() => {});
    } catch {
      // A listener that fails is called again with the next event.
    }
  };
}
