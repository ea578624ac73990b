/** An update: how a silo announces its trained weights, and what it is answered. Its bytes go in frames (frame.ts). */
import * as v from "valibot";
import { EncodingSchema } from "./encoding.ts";
import { HeadsSchema } from "./signed_head.ts";
import { Digest, examples, integer, round, roundOrStart, RunId, SiloName, WIRE_VERSION } from "./fields.ts";

const MOST_BYTES = 2 ** 36;

/** `POST /v1/rounds/R/update`: announces an update before any of its bytes. */
export const UpdateStartSchema = v.strictObject({
  run: RunId,
  round,
  /** SHA-256 of the base vector that the silo trained from. */
  base: Digest,
  /** Layout fingerprint. */
  layout: Digest,
  bytes: integer(4, MOST_BYTES),
  /** Training images n ≥ 1. */
  examples,
  /** Of the bytes that follow. */
  sha256: Digest,
  encoding: EncodingSchema,
  /** `rosterDigest` of the silos that it is masked for; null for one that is not masked. */
  roster: v.nullable(Digest),
  wire: v.literal(WIRE_VERSION),
  /** Where the silo's log stands; absent where it keeps none. No part of the update: the same one may come with others. */
  heads: v.exactOptional(HeadsSchema),
});
export type UpdateStart = v.InferOutput<typeof UpdateStartSchema>;

/** The aggregator's word that an update counts. */
export const ReceiptSchema = v.strictObject({
  run: RunId,
  round: roundOrStart,
  silo: SiloName,
  sha256: Digest,
  examples,
});
export type Receipt = v.InferOutput<typeof ReceiptSchema>;

/** Answer to `POST` and `PUT …/update`: bytes held so far; with the last one the receipt, and where the logs stand. */
export const UpdateProgressSchema = v.strictObject({
  offset: integer(0, MOST_BYTES),
  receipt: v.exactOptional(ReceiptSchema),
  /** Not in the receipt, which is stored and stays as it is; absent where one of the two keeps no log. */
  heads: v.exactOptional(HeadsSchema),
});
export type UpdateProgress = v.InferOutput<typeof UpdateProgressSchema>;
