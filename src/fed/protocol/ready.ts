/**
 * A ready: a silo's word that its update for a row is on its disk, and that it would mask it for this very row. The
 * readies of a row are its roster: who is masked for, and who alone may be in its sum.
 */
import * as v from "valibot";
import { MOST_SILOS } from "./claims.ts";
import { Digest, examples, PublicKey, RunId, Signature, SiloName } from "./fields.ts";

export const ReadySchema = v.strictObject({
  type: v.literal("fedx ready"),
  version: v.literal(1),
  run: RunId,
  /** Plan id. */
  plan: Digest,
  /** SHA-256 of the canonical row: every silo vouches for all that it was told of the round. */
  row: Digest,
  silo: SiloName,
  /** As in its statement. */
  publicKey: PublicKey,
  /** Training images n ≥ 1, its weight in the sum. */
  examples,
  /** Makes the masks of two readies for one row differ. */
  nonce: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "16 bytes in lower-case hex")),
});
export type Ready = v.InferOutput<typeof ReadySchema>;

/** `POST /v1/rounds/R/ready`. */
export const SignedReadySchema = v.strictObject({
  ready: ReadySchema,
  /** By the key of the silo's certificate, over the canonical ready. */
  signature: Signature,
});
export type SignedReady = v.InferOutput<typeof SignedReadySchema>;

/** `GET /v1/rounds/R/roster`: the readies that were committed, in the proposal's order. */
export const RosterSchema = v.strictObject({
  readies: v.pipe(v.array(SignedReadySchema), v.minLength(1), v.maxLength(MOST_SILOS)),
});
export type Roster = v.InferOutput<typeof RosterSchema>;
