/**
 * A silo's word that it does not take part, before it has joined: one code, no value, no text.
 *
 * Why a list of its own: a silo may fail with any code of the table, and what its operator reads may name its counts and
 * folders. The aggregator's operator learns which of these few things it was, in the aggregator's own words.
 */
import * as v from "valibot";
import { ProtocolError } from "./errors.ts";
import type { FailureCode } from "./failures.ts";
import { RunId, WIRE_VERSION } from "./fields.ts";

/** What a silo may decline for, each as the aggregator's operator reads it. */
export const DECLINES = {
  recipe_not_accepted: "its settings do not accept the recipe",
  network_not_accepted: "its settings do not accept the network",
  rounds_not_accepted: "its settings accept fewer rounds",
  passes_not_accepted: "its settings accept fewer passes",
  labels_not_accepted: "its settings do not accept the label rule",
  unmasked_not_accepted: "its settings accept masked runs alone",
  cohort_not_accepted: "its settings ask for sums of more silos",
  changes_not_accepted: "its settings accept fewer changes of who is in the sums",
  peers_not_pinned: "it has not pinned the keys of all silos",
  too_few_patients: "too few patients for its settings",
  other_size: "its films were prepared in another size",
  other_preprocessing: "its films were prepared with another resize filter or --jpeg2000",
  other_labels: "its shard cannot answer the label rule",
  empty_class: "only one class in its train or val films",
  too_few_images: "too few films",
  impossible_counts: "too many films for one silo",
  other_run: "its state is of another run",
  not_agreed: "the settings differ from those that it joined with",
  not_ready: "something failed on its own machine",
} as const satisfies Partial<Record<FailureCode, string>>;

export type DeclineCode = keyof typeof DECLINES;

/** `POST /v1/decline`, the last message of a silo that does not join. Whose it is the certificate says. */
export const DeclineSchema = v.strictObject({
  run: RunId,
  code: v.picklist(Object.keys(DECLINES) as DeclineCode[]),
  wire: v.literal(WIRE_VERSION),
});
export type Decline = v.InferOutput<typeof DeclineSchema>;

/** The code that an error is told by; what has no code of its own in the list is `not_ready`. */
export function declineOf(error: unknown): DeclineCode {
  const code = error instanceof ProtocolError ? error.code : "";
  return Object.hasOwn(DECLINES, code) ? code as DeclineCode : "not_ready";
}
