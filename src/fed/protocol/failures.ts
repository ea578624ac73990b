/**
 * Every failure of the federation that an operator can meet, in one table. `status` is the HTTP status, 0 for failures
 * that stay on one machine; `retryable` says whether the same request may succeed later without anybody's help.
 */

import { RUN_DENO } from "../../version.ts";
import { type Failure, fatal, passing } from "./failure.ts";
import { FLOWER_FAILURES } from "./flower_failures.ts";
import { MASK_FAILURES } from "./mask_failures.ts";

const PREPARE = "prepare the shard again with the aggregator's version of fedx: `fedx prepare`";
const ACCEPT = "change it in this silo's settings, or ask the aggregator's operator for another proposal";

/** The total table; a test asserts that every code in the source is here and every entry is complete. */
export const FAILURES = {
  // Requests
  bad_request: fatal(400, "Cannot read the request", "run the same fedx version on both sides"),
  bad_frame: passing(400, "Cannot read the frame", "the silo sends the update again from the last offset"),
  unknown_path: fatal(404, "Cannot find the path", "run the same fedx version on both sides"),
  wrong_method: fatal(405, "Cannot use this method", "run the same fedx version on both sides"),
  too_large: fatal(413, "Cannot take a body of this size", "run the same fedx version on both sides"),
  bad_range: fatal(416, "Cannot serve the range", "ask for bytes inside the model"),
  // Identity
  certificate_refused: fatal(
    0,
    "Cannot connect: the aggregator refuses this certificate",
    "have it made with the aggregator's CA, role silo: `fedx ca request` and `fedx ca sign`, or `fedx ca issue`",
  ),
  server_certificate: fatal(
    0,
    "Cannot trust the aggregator's certificate",
    "use the ca.pem of the CA that issued it, and connect to a host that it names",
  ),
  damaged_ca: fatal(
    0,
    "Cannot tell whose certificates are good",
    "copy ca.pem from the certificate authority's folder again",
  ),
  certificate_expired: fatal(
    403,
    "Cannot serve this certificate any longer",
    "get another: fedx ca request and fedx ca sign; a silo that runs takes it from its --tls without a restart",
  ),
  unchecked_tls: fatal(
    0,
    "Cannot open network connections",
    "unset NODE_TLS_REJECT_UNAUTHORIZED; a proxy that inspects TLS must let fedx's connections through as they are",
  ),
  not_a_silo: fatal(403, "Cannot serve this certificate", "use a certificate with the role silo"),
  bad_head: fatal(
    409,
    "Cannot take the signed head of this peer's log",
    "run the same fedx version on both sides; if they are the same, ask its operator who changes what it sends",
  ),
  certificate_revoked: fatal(
    403,
    "Cannot serve this certificate",
    "ask the holder of the certificate authority; a new one is made with: fedx ca request and fedx ca sign",
  ),
  damaged_revocations: passing(
    503,
    "Cannot tell which certificates are revoked",
    "copy revoked.json from the certificate authority's folder again, or run `fedx ca revoke` again",
  ),
  not_invited: fatal(
    403,
    "Cannot join",
    "add the silo's name to the aggregator's --silos, or use another run",
  ),
  wrong_name: fatal(
    403,
    "Cannot join",
    "start `fedx train --silo` with the name that the certificate carries",
  ),
  session_live: passing(409, "Cannot open a second session", "stop the other process of this silo"),
  // Join
  not_joined: passing(409, "Cannot take part", "join first; the silo does so by itself when it connects"),
  other_wire: fatal(409, "Cannot speak with this peer", "run the same fedx version on both sides"),
  other_size: fatal(
    409,
    "Cannot join with this shard",
    "prepare the shard again in the size that the proposal asks for: `fedx prepare --size SIZE …`",
  ),
  other_preprocessing: fatal(409, "Cannot join with this shard", PREPARE),
  other_labels: fatal(409, "Cannot join with this shard", PREPARE),
  empty_class: fatal(
    409,
    "Cannot train on this shard",
    "make one with `fedx prepare` that has both classes in train and val",
  ),
  too_few_images: fatal(
    409,
    "Cannot train on this shard",
    "make one with `fedx prepare` from more training images, or lower --batch (of the aggregator, where there is one)",
  ),
  impossible_counts: fatal(
    409,
    "Cannot join with these counts",
    "make the shard again with `fedx prepare`; a larger set needs several shards, one a silo",
  ),
  share_too_large: fatal(
    409,
    "Cannot let one silo outweigh the others",
    "look at that silo's shard; if its counts are right, start the aggregator again with --max-share 1",
  ),
  shard_changed: fatal(
    409,
    "Cannot change the shard in a run",
    "start the silo with the shard it joined with; a site with Flower: enrol it with the counts it joined with",
  ),
  same_shard: fatal(
    409,
    "Cannot let two silos join with one shard",
    "give each silo its own shard; for an experiment start the aggregator with --allow-same-shard",
  ),
  other_device: fatal(
    409,
    "Cannot go on with another build or thread count",
    "start the silo with the build, --device and --threads it joined with",
  ),
  recipe_not_accepted: fatal(0, "Cannot take part", ACCEPT),
  network_not_accepted: fatal(0, "Cannot take part", ACCEPT),
  rounds_not_accepted: fatal(0, "Cannot take part", ACCEPT),
  passes_not_accepted: fatal(0, "Cannot take part", ACCEPT),
  labels_not_accepted: fatal(0, "Cannot take part", ACCEPT),
  unmasked_not_accepted: fatal(0, "Cannot take part", ACCEPT),
  cohort_not_accepted: fatal(0, "Cannot take part", ACCEPT),
  changes_not_accepted: fatal(0, "Cannot take part", ACCEPT),
  too_few_patients: fatal(0, "Cannot take part", ACCEPT),
  not_ready: fatal(0, "Cannot take part", "look at what the silo itself printed"),
  not_agreed: fatal(
    0,
    "Cannot go on with this aggregator: it asks for what was not agreed",
    "ask its operator what was changed; this silo has answered nothing of it, and the same command goes on " +
      "once the aggregator keeps to the plan",
  ),
  join_timeout: fatal(0, "Cannot start the run", "start the missing silos, or raise --join-timeout"),
  ...FLOWER_FAILURES,
  ...MASK_FAILURES,
  // Rounds
  other_run: fatal(
    409,
    "Cannot take this for the run",
    "start this silo with --new too if the aggregator has begun another run, else name the right --server",
  ),
  other_base: fatal(
    409,
    "Cannot take an update of another base",
    "the silo pulls the current model and trains again",
  ),
  other_layout: fatal(
    409,
    "Cannot take an update of another layout",
    "run the same fedx version on both sides",
  ),
  wrong_size: fatal(409, "Cannot take an update of this size", "run the same fedx version on both sides"),
  wrong_examples: fatal(
    409,
    "Cannot take this example count",
    "start the silo with the shard it joined with",
  ),
  wrong_counts: fatal(
    409,
    "Cannot take these scores",
    "start the silo with the shard it joined with",
  ),
  not_in_roster: fatal(409, "Cannot take part in this round", "wait for the next round"),
  no_round: passing(409, "Cannot find an open round", "wait; the silo asks again by itself"),
  round_closed: fatal(
    409,
    "Cannot count the update: the round is closed",
    "the silo goes on with the current round",
  ),
  different_update: fatal(
    409,
    "Cannot count a second, different update",
    "the first one counts; the silo goes on with the next round",
  ),
  left_out: fatal(
    410,
    "Cannot take part any longer: the run goes on without this silo",
    "ask the aggregator's operator; another run takes it in again, with --new",
  ),
  not_started: passing(409, "Cannot take frames", "announce the update first; the silo does so by itself"),
  wrong_offset: passing(
    409,
    "Cannot take frames at this offset",
    "the silo goes on from the offset that is asked for",
  ),
  digest_mismatch: passing(
    422,
    "Cannot count the update: its digest differs from the one announced",
    "the silo sends it again from the start",
  ),
  damaged_upload: fatal(
    0,
    "Cannot send the update",
    "look at what lies between this machine and the aggregator, and at this machine's memory, then start the same " +
      "command again: the update is stored",
  ),
  out_of_range: fatal(
    422,
    "Cannot count the update",
    "training has diverged or the file is damaged; lower --lr, or look at the silo's data",
  ),
  steps_skipped: fatal(
    422,
    "Cannot use what these steps trained",
    "training has diverged: lower --lr (in a federation the aggregator's), look at the training films, or train " +
      "with --device cpu",
  ),
  slots_taken: passing(503, "Cannot receive now", "wait; the silo asks again by itself"),
  // The run
  run_failed: fatal(
    410,
    "Cannot go on: the run has failed",
    "read the aggregator's message; the model selected so far is kept",
  ),
  round_timeout: fatal(
    0,
    "Cannot close the round in time",
    "bring the missing silos back and start the aggregator again, or raise --round-timeout",
  ),
  budget_over: fatal(
    0,
    "Cannot finish a round within the budget",
    "bring the silos that are named up to speed, or raise --budget, then begin again with --new",
  ),
  model_missing: fatal(
    404,
    "Cannot find the model",
    "ask for the open round, or the selected one when closing",
  ),
  internal: passing(500, "Cannot serve", "look at the aggregator's output"),
  unreachable: passing(0, "Cannot reach the aggregator", "start it, check --server, or raise --wait"),
  bad_answer: fatal(502, "Cannot read the aggregator's answer", "run the same fedx version on both sides"),
  // This machine
  state_locked: fatal(
    0,
    "Cannot open the state",
    "stop the other process that uses it, or name another --state",
  ),
  other_role: fatal(0, "Cannot use the state of another role", "name another --state"),
  newer_state: fatal(
    0,
    "Cannot read the state of a newer fedx",
    "use the fedx that wrote it, or a fresh --state",
  ),
  older_state: fatal(
    0,
    "Cannot go on with the state of an older fedx",
    "finish that run with the fedx that began it, or begin another with --new",
  ),
  no_recording: fatal(0, "Cannot replay a run", "name the --state folder of an aggregator that has run"),
  own_recording: fatal(0, "Cannot replay a run into its own state", "name another --state"),
  other_proposal: fatal(
    0,
    "Cannot resume the run with other settings",
    "use the settings it was started with, or begin another run with --new",
  ),
  finished_run: fatal(0, "Cannot use the state of a finished run for another", "begin another with --new"),
  cannot_leave_out: fatal(0, "Cannot go on without these silos", "name others with --without"),
  bad_proposal: fatal(0, "Cannot use these settings", "change the one that is named"),
  disk_full: passing(
    507,
    "Cannot write",
    "free some space, then start the same command again: it goes on from what is stored",
  ),
  damaged_state: fatal(0, "Cannot read the state", "start again with a fresh --state"),
  port_in_use: fatal(0, "Cannot listen", "stop the other process on that port, or choose another --listen"),
  cannot_listen: fatal(
    0,
    "Cannot listen",
    "name a host of this machine and a port that you may use with --listen",
  ),
  too_few_files: fatal(
    0,
    "Cannot start the aggregator",
    "raise the limit: `ulimit -n 1024` before the command, or LimitNOFILE=1024 in its service",
  ),
  wrong_runtime: fatal(0, "Cannot open network connections with this Deno", `run \`${RUN_DENO}\``),
} as const satisfies Record<string, Failure>;

export type FailureCode = keyof typeof FAILURES;

/** Whether a code from the wire is one of ours. */
export function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(FAILURES, code);
}
