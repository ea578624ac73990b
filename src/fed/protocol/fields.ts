/**
 * What the fields of messages are made of. Every text is bounded and every number is finite, so that no peer makes
 * this machine keep or compute with what has no end.
 */
import * as v from "valibot";
import { isRule } from "../../label_rule.ts";
import { MOST_IMAGES, MOST_SILOS } from "./claims.ts";

/** Version of the frames, paths and messages; peers with another one refuse each other. */
export const WIRE_VERSION = 8;

/** A text that is shown on the other side's terminal: printable ASCII alone. */
export const text = (max: number) =>
  v.pipe(v.string(), v.maxLength(max), v.regex(/^[\x20-\x7e]*$/, "printable ASCII"));
/** Which findings make a film positive; it may name findings in letters beside ASCII's (label_rule.ts). */
export const LabelRuleText = v.pipe(v.string(), v.check(isRule, "a label rule"));
/** A finite number within bounds. */
export const number = (min: number, max: number) =>
  v.pipe(v.number(), v.finite(), v.minValue(min), v.maxValue(max));
/** A whole number within bounds. */
export const integer = (min: number, max: number) => v.pipe(number(min, max), v.integer());

/** How many there are of something that belongs to the whole run. */
export const count = integer(0, 2 ** 40);
/** How many images one silo has. */
export const images = integer(0, MOST_IMAGES);
/** How many images one silo's update was trained on. */
export const examples = integer(1, MOST_IMAGES);
/** A number from 0 to 1. */
export const fraction = number(0, 1);
/** The number of a round from 1 on. */
export const round = integer(1, 1e9);
/** The number of a round, or 0 for the start, before the first one. */
export const roundOrStart = integer(0, 1e9);

/** A silo's name becomes a key of records and part of file names: `constructor` and `prototype` are refused too. */
export const SiloName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a name of 1–64 letters, digits, '.', '_' and '-'"),
  v.check((name) => !(name in {}) && name !== "prototype", "another name"),
);
/** The names of a round's or a run's silos. */
export const roster = v.pipe(v.array(SiloName), v.maxLength(MOST_SILOS));
/** A SHA-256. */
export const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a SHA-256 in lower-case hex"));
/** A public key of X25519. */
export const PublicKey = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "32 bytes in lower-case hex"));
/** An ECDSA signature over P-256, in DER. */
export const Signature = v.pipe(
  v.string(),
  v.regex(/^([0-9a-f]{2}){8,72}$/, "a signature in lower-case hex"),
);
/** What a run is named by. */
export const RunId = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "16 bytes in lower-case hex"));
/** A certificate, DER. */
export const CertificateHex = v.pipe(
  v.string(),
  v.regex(/^([0-9a-f]{2}){64,4096}$/, "a certificate in lower-case hex"),
);
