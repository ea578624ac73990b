/**
 * A signed head: a role's word, signed with its certificate's key, what its log said up to a line. Each role keeps the
 * other's, so that who holds a key cannot write its own log anew alone (src/fed/audit/).
 */
import * as v from "valibot";
import { CertificateHex, Digest, integer, RunId, Signature } from "./fields.ts";

/** Where a log stands: how many lines it has, and the SHA-256 of the last one, without its line feed. */
export const ChainHeadSchema = v.strictObject({
  lines: integer(1, 2 ** 40),
  digest: Digest,
});
export type ChainHead = v.InferOutput<typeof ChainHeadSchema>;

export const HeadSchema = v.strictObject({
  type: v.literal("fedx head"),
  version: v.literal(1),
  run: RunId,
  /** Whose log it is, as its state folder says: `aggregator`, or `silo` and its name. */
  role: v.pipe(
    v.string(),
    v.regex(/^(aggregator|silo [A-Za-z0-9][A-Za-z0-9._-]{0,63})$/, "a role: aggregator, or silo NAME"),
  ),
  ...ChainHeadSchema.entries,
  /** When it was signed, by that machine's clock. */
  time: v.pipe(
    v.string(),
    v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, "an ISO date-time in UTC"),
    v.check((time) => !Number.isNaN(Date.parse(time)), "a date that there is"),
  ),
});
export type Head = v.InferOutput<typeof HeadSchema>;

export const SignedHeadSchema = v.strictObject({
  head: HeadSchema,
  /** By the certificate's key, over the canonical head. */
  signature: Signature,
  /** The role's certificate, DER in hex. */
  certificate: CertificateHex,
});
export type SignedHead = v.InferOutput<typeof SignedHeadSchema>;

/** Beside an update's start and its receipt: the newest head of the role that sends it, and that of the other's which it holds. */
export const HeadsSchema = v.strictObject({
  own: SignedHeadSchema,
  /** Null for none yet. */
  held: v.nullable(SignedHeadSchema),
});
export type Heads = v.InferOutput<typeof HeadsSchema>;
