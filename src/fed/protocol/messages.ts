/**
 * Every message that the aggregator and the silos send each other, gathered for those who use several. Each is one
 * strict schema, and its type is inferred from it: unknown keys, unbounded strings and numbers that are not finite
 * are refused when `parseMessage` reads it.
 *
 * Terms: a *proposal* is every setting the operator chose; the *plan* is the proposal frozen with roster and class
 * weights; a *row* is one round's settings (`RoundSettings`); an *update* is one silo's weight delta with its example count.
 * Durations are seconds, digests lower-case SHA-256 hex, offsets and sizes on the wire bytes.
 */
export { WIRE_VERSION } from "./fields.ts";
export { parseMessage } from "./parse_message.ts";
export { type ErrorBody, ErrorBodySchema } from "./error_body.ts";
export { type Proposal, ProposalSchema } from "./proposal.ts";
export { type Registration, RegistrationSchema, type SplitCounts } from "./registration.ts";
export { type Plan, planId, PlanSchema } from "./plan.ts";
export { type RoundSettings, RoundSettingsSchema, type Scale, type Stretch } from "./round_settings.ts";
export { newRunId, type RunState, type RunView, RunViewSchema } from "./run_view.ts";
export {
  type Ready,
  ReadySchema,
  type Roster,
  RosterSchema,
  type SignedReady,
  SignedReadySchema,
} from "./ready.ts";
export {
  type SignedStatement,
  SignedStatementSchema,
  type Statement,
  type Statements,
  StatementSchema,
  StatementsSchema,
} from "./statement.ts";
export { type Heads, type SignedHead, SignedHeadSchema } from "./signed_head.ts";
export {
  type Receipt,
  ReceiptSchema,
  type UpdateProgress,
  UpdateProgressSchema,
  type UpdateStart,
  UpdateStartSchema,
} from "./update.ts";
export { type Decline, DeclineSchema } from "./decline.ts";
export { ReceivedSchema, type Scores, ScoresSchema, scoresVal, UNSCORED } from "./scores.ts";
export {
  type Heartbeat,
  type HeartbeatAnswer,
  HeartbeatAnswerSchema,
  HeartbeatSchema,
  type SiloPhase,
} from "./heartbeat.ts";
