/**
 * The aggregator as a process: it opens its state, listens, has the rounds run (`rounds.ts`) and serves what came of them.
 *
 * It may be killed at any moment: every step is committed before anyone hears of it, and a restart with
 * the same proposal goes on from the last committed one.
 */
import { digest } from "../../files/digest.ts";
import { writeDurably } from "../../files/durable.ts";
import { type Layout, layoutOf } from "../../model/layout.ts";
import { Admission, type ListMemory, type SeenLists } from "../pki/admission.ts";
import { SILENCE } from "./attendance.ts";
import { leaveOut } from "./away.ts";
import { Audit, type AuditLog } from "../audit/audit.ts";
import { ascii } from "../protocol/ascii.ts";
import { AggregatorState } from "./state.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { type OnEvent, safely } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import { nameFullDisk } from "../protocol/full_disk.ts";
import { handlerOf } from "./handlers.ts";
import { requireOpenFiles } from "./open_files.ts";
import { checkProposal } from "../protocol/proposal.ts";
import { checkSame } from "../protocol/same_settings.ts";
import { newRunId, type Proposal } from "../protocol/messages.ts";
import type { AggregatorResult } from "../training/result.ts";
import { runRounds } from "./rounds.ts";
import { issuerOf } from "../pki/issuer.ts";
import { Run } from "./run.ts";
import { Credentials, watchRenewal } from "../pki/renewal.ts";
import { limitRefusals } from "./limit_refusals.ts";
import type { Recording } from "./recording.ts";
import { type Clock, MACHINE } from "../state/run_clock.ts";
import { answerOf, type Handler } from "../wire/exchange.ts";
import type { Guests } from "../wire/guests.ts";
import { serve, type Server } from "../wire/server.ts";
import { maxShareOf } from "./max_share.ts";
import { AGGREGATOR, REVOCATIONS } from "../state/folder.ts";
import { requireCheckedTls, requirePinnedDeno } from "../wire/tls.ts";
import { plural } from "../../plural.ts";

/** Seconds for which the finished run is served to silos that do not hold its model yet. */
const LINGER = 60;
/** Seconds for which a failure is served. */
const LINGER_FAILED = 5;
/** How often in a silence the aggregator looks for lost silos. */
const LOOKS = 10;

export interface AggregatorOptions {
  proposal: Proposal;
  /** The start vector, (layout.length) f32; its digest is `proposal.init.sha256`. */
  start: Float32Array;
  listen: { host: string; port: number };
  /** Folder with ca.pem, cert.pem, key.pem. */
  tls: string;
  /** State folder, locked while it runs. */
  state: string;
  /** @default layoutOf(proposal.network) */
  layout?: Layout;
  /** Runs these rows again instead of new ones, without a clock. @default none */
  recording?: Recording;
  /** Silos that the run in `state` goes on without, for good. @default none */
  without?: readonly string[];
  /** Lets two silos join with one shard, for experiments. @default false */
  allowSameShard?: boolean;
  /** Largest part of all training images that one silo may have. @default 0.8 for three silos or more, else 1 */
  maxShare?: number;
  /** Serves silos in another way than over fedx's own wire; disposed of before the aggregator stops. @default none */
  guests?: Guests;
  onEvent?: OnEvent;
  /** The log that `onEvent` writes, which is to be signed. @default none */
  log?: AuditLog;
  /** Seconds without a word after which a silo counts as lost. @default SILENCE */
  silence?: number;
  /** Awaited at named moments. @default none */
  faultPoint?: FaultPoint;
  /** Where time comes from. @default this machine's clocks */
  clock?: Clock;
  /** Stops the aggregator after the write under way; the promise rejects with its reason, the run can be resumed. */
  signal?: AbortSignal;
}

/**
 * Runs one federation to its end, or goes on with the one in `state`; a finished one only returns its result.
 *
 * @throws {ProtocolError} `bad_proposal`, `other_proposal`, `finished_run`, `state_locked`, `port_in_use`, `cannot_listen`,
 * `wrong_runtime`, `unchecked_tls`, `too_few_files`, `cannot_leave_out`, `join_timeout`, `share_too_large`,
 * `round_timeout`, `budget_over`,
 * `damaged_state`, `disk_full` · the signal's reason.
 */
export async function runAggregator(options: AggregatorOptions): Promise<AggregatorResult> {
  requirePinnedDeno();
  requireCheckedTls();
  requireOpenFiles();
  checkProposal(options.proposal);
  const maxShare = maxShareOf(options.proposal, options.maxShare);
  using onEvent = limitRefusals(safely(options.onEvent), { silos: options.proposal.silos });
  const credentials = await Credentials.open(options.tls, { role: "aggregator", onEvent });
  using state = await AggregatorState.open(options.state);
  const resumed = await prepare(state, options);
  const finished = state.folder.get<AggregatorResult>("result");
  if (finished !== null) {
    const last = `${options.state}/last.safetensors`;
    onEvent({ type: "already_finished", at: finished.finished ?? null, last });
    if (options.without?.length) {
      onEvent({ type: "warning", text: "--without changes nothing: the run has finished" });
    }
  }
  if (finished !== null && state.folder.get("served") !== null) return finished;
  const layout = options.layout ??
    layoutOf(options.proposal.network, { channels: options.proposal.channels });
  const { allowSameShard, silence = SILENCE, faultPoint = () => {}, clock } = options;
  const { log } = options;
  const identity = () => credentials.identity;
  const audit = log === undefined
    ? null
    : new Audit({ log, run: state.run!, role: AGGREGATOR, identity, onEvent });
  const run = new Run(state, {
    layout,
    onEvent: signing(onEvent, audit),
    faultPoint,
    silence,
    allowSameShard,
    maxShare,
    ca: issuerOf(credentials.identity.ca),
    clock,
  });
  await using _end = { [Symbol.asyncDispose]: async () => void await audit?.sign() }; // once nobody is served
  run.storeTime();
  const handler = handlerOf(run, audit);
  await using server = await listen(run, credentials, { ...options, handler });
  await using guests = await options.guests?.({
    ...{ run: run.id, proposal: run.proposal, handler, identity: credentials.identity, onEvent },
    gone: (silo, session) => run.attendance.disconnect(silo, session),
    memory: {
      get: (key) => state.folder.get(`guest ${key}`),
      set: (key, value) => state.folder.set(`guest ${key}`, value),
    },
  });
  using _renewal = watchRenewal(credentials, {
    onRenewed(identity) {
      server.renew(identity);
      guests?.renew(identity);
    },
  });
  onEvent({ type: "listening", host: options.listen.host, port: server.port, run: run.id });
  onEvent({ type: "proposal", proposal: run.proposal });
  if (resumed) onEvent({ type: "resumed", run: run.id, state: run.phase, round: run.view().round });
  const endWatch = run.every(silence / LOOKS, () => {
    run.attendance.findLost();
    run.storeTime();
  });
  try {
    const result = finished ?? await runRounds(run, options.signal);
    await serveFinished(run, result, options.signal);
    return result;
  } catch (cause) {
    const error = nameFullDisk(cause, { folder: options.state });
    if (error instanceof ProtocolError) await fail(run, error, options.signal);
    throw error;
  } finally {
    endWatch();
  }
}

/** The listener, with the log signed after every round that is done. */
function signing(onEvent: OnEvent, audit: Audit | null): OnEvent {
  return (event) => {
    onEvent(event);
    if (event.type !== "committed") return;
    audit?.sign().catch((error) => onEvent({ type: "warning", text: `the log is not signed: ${error}` }));
  };
}

/**
 * Serves the finished run until every silo that is not lost holds its model, also after a restart that came in between.
 * @throws the signal's reason when stopped before that; the same command goes on from here.
 */
async function serveFinished(run: Run, result: AggregatorResult, signal?: AbortSignal): Promise<void> {
  run.onEvent({ type: "finished", rounds: result.rounds, sha256: result.sha256 });
  await run.until(() => everyoneLeft(run), { deadline: run.now() + LINGER, signal });
  run.served.end();
}

/** Whether each silo holds the finished run's model, is lost or was left out. */
function everyoneLeft({ state, served, attendance, away }: Run): boolean {
  return [...state.joined.keys()].every((silo) =>
    served.has(silo) || attendance.isLost(silo) || away.isLeftOut(silo)
  );
}

/** Begins the run, or checks that the one in the state folder has the same proposal. Returns whether it was there. */
async function prepare(state: AggregatorState, options: AggregatorOptions): Promise<boolean> {
  const { proposal, start, recording = null, without = [], clock = MACHINE } = options;
  if (state.proposal !== null) {
    try {
      checkSame(state.proposal, proposal);
      checkSameRecording(state.recording, recording);
    } catch (error) {
      throw ofFinished(error, state);
    }
    if (state.folder.get("result") === null) leaveOut(state, without);
    return true;
  }
  if (without.length > 0) leaveOut(state, without);
  const sha256 = digest(start);
  if (sha256 !== proposal.init.sha256) {
    throw new RangeError(
      `Cannot start: expected a start vector of SHA-256 ${proposal.init.sha256}, got ${sha256}`,
    );
  }
  await writeDurably(state.modelPath(0), new Uint8Array(start.buffer, start.byteOffset, start.byteLength));
  state.begin(newRunId(), proposal, { now: clock.wall(), recording });
  return false;
}

function checkSameRecording(stored: Recording | null, given: Recording | null): void {
  if (JSON.stringify(stored) === JSON.stringify(given)) return;
  const what = (of: Recording | null) =>
    of === null ? "no --replay" : `--replay of ${plural(of.rows.length, "round")}`;
  throw new ProtocolError("other_proposal", { expected: what(stored), got: what(given) });
}

/** What other settings are refused with where the run has finished: nobody means to resume it. */
function ofFinished(error: unknown, { folder }: AggregatorState): unknown {
  if (folder.get("result") === null || !(error instanceof ProtocolError)) return error;
  const { expected, got } = error;
  const remedy = "begin another with --new; with --init " +
    `${folder.dir}/last.safetensors as well it trains on from this run's last model`;
  return new ProtocolError("finished_run", { expected, got, remedy });
}

async function listen(
  run: Run,
  { identity }: Credentials,
  options: AggregatorOptions & { handler: Handler },
): Promise<Server> {
  const { folder } = run.state;
  const memory: ListMemory = {
    get: () => folder.get<SeenLists>(REVOCATIONS),
    set: (seen) => folder.set(REVOCATIONS, seen),
  };
  return await serve({
    ...options.listen,
    identity,
    admission: await Admission.open(options.tls, { ca: identity.ca, onEvent: run.onEvent, memory }),
    handler: withoutGuests(run, options.handler),
    onEvent: run.onEvent,
    onSession(silo, session, open) {
      if (!open) run.attendance.disconnect(silo, session);
    },
  });
}

/** Refuses whoever comes over fedx's own wire under the name of a silo that the plan takes from elsewhere. */
function withoutGuests(run: Run, handler: Handler): Handler {
  return async (request) => {
    const { silo } = request;
    if (!run.proposal.flower.includes(silo)) return await handler(request);
    const error = new ProtocolError("flower_site", {
      expected: `${silo} over Flower's Fleet API, as proposed`,
      got: "a silo of fedx",
    });
    const { code, expected, got } = error;
    run.onEvent({ type: "refused", peer: silo, code, expected, got });
    return answerOf(error);
  };
}

/** Failures whose values are one hospital's counts or speed: the others are told without them. */
const NUMBERS: ReadonlySet<string> = new Set(["share_too_large", "budget_over"]);

const withoutNumbers = ({ what, remedy }: ProtocolError) => `${what} (remedy: ${remedy})`;

/** Tells the silos that are there until they have left, for a few seconds; what is committed stays, so a restart goes on. */
async function fail(run: Run, error: ProtocolError, signal?: AbortSignal): Promise<void> {
  const told = NUMBERS.has(error.code) ? withoutNumbers(error) : error.message;
  run.fail(error.message, ascii(told).slice(0, 2000));
  const left = () => run.attendance.connected.length === 0;
  await run.until(left, { deadline: run.now() + LINGER_FAILED, signal }).catch(() => {});
}
