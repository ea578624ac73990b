/** The scores of one silo's films, which never leave it. */

/** Logits of one split with what is needed to judge them; all (n). */
export interface SplitScores {
  logits: Float32Array;
  /** 0 or 1. */
  labels: Uint8Array;
  patients: Uint32Array;
  /** Which of several pooled shards a film is from; absent for one. */
  strata?: Uint32Array;
}
