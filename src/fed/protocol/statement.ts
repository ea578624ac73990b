/**
 * A statement: a silo's word, signed with its certificate's key, which X25519 key it agrees on masks with in one run. It
 * is no part of the plan; the aggregator hands it on, and every silo judges it for itself.
 */
import * as v from "valibot";
import { MOST_SILOS } from "./claims.ts";
import { CertificateHex, Digest, PublicKey, RunId, Signature, SiloName } from "./fields.ts";

export const StatementSchema = v.strictObject({
  type: v.literal("fedx statement"),
  version: v.literal(1),
  run: RunId,
  /** SHA-256 of the canonical proposal. */
  proposal: Digest,
  silo: SiloName,
  publicKey: PublicKey,
});
export type Statement = v.InferOutput<typeof StatementSchema>;

/** `POST /v1/statement`. */
export const SignedStatementSchema = v.strictObject({
  statement: StatementSchema,
  /** By the certificate's key, over the canonical statement. */
  signature: Signature,
  /** The silo's certificate, DER in hex. */
  certificate: CertificateHex,
});
export type SignedStatement = v.InferOutput<typeof SignedStatementSchema>;

/** `GET /v1/roster`: the newest statement of each silo, in no order. */
export const StatementsSchema = v.strictObject({
  statements: v.pipe(v.array(SignedStatementSchema), v.maxLength(MOST_SILOS)),
});
export type Statements = v.InferOutput<typeof StatementsSchema>;
