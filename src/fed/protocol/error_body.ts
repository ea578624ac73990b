/** A refusal as it crosses the wire. */
import * as v from "valibot";
import { text } from "./fields.ts";

/** Body of every answer with a status of 400 or more. */
export const ErrorBodySchema = v.strictObject({
  /** A code of the table in failures.ts; a newer peer may have others. */
  code: text(64),
  expected: text(400),
  got: text(400),
  remedy: text(400),
});
export type ErrorBody = v.InferOutput<typeof ErrorBodySchema>;
