/**
 * The silo: looks at what is proposed, joins the run, and takes part in it (rounds.ts, closing.ts).
 *
 * It may be killed at any moment and started again: what it must send it has written before, and everything
 * else it is told anew.
 */
import { plausibleSpeed } from "../maths/row_share.ts";
import { defaultSite } from "../../files/site_folder.ts";
import { Admission } from "../pki/admission.ts";
import { caDigest } from "../pki/issuer.ts";
import { Audit, type AuditLog } from "../audit/audit.ts";
import { Credentials } from "../pki/renewal.ts";
import { ascii } from "../protocol/ascii.ts";
import { withSettledStatistics } from "../maths/settled_statistics.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { type OnEvent, safely } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import {
  type Plan,
  type Proposal,
  type Registration,
  type RunView,
  WIRE_VERSION,
} from "../protocol/messages.ts";
import { checkProposal as checkSettings } from "../protocol/proposal.ts";
import { checkRegistration } from "../protocol/registration.ts";
import { stageOf } from "../protocol/stage.ts";
import { nameFullDisk } from "../protocol/full_disk.ts";
import type { SiloResult } from "../training/result.ts";
import type { Trainer } from "../training/trainer.ts";
import { Client } from "../wire/client.ts";
import { requireCheckedTls, requirePinnedDeno } from "../wire/tls.ts";
import { checkPlan, checkRun, checkView } from "./agreement.ts";
import { compareWithStart } from "./compare.ts";
import { declining } from "./decline.ts";
import { Heartbeats } from "./heartbeat.ts";
import { checkLimits, checkPatients, checkPeersPinned, type Limits } from "./limits.ts";
import { Masking } from "./masking.ts";
import { refuseFailed, takePart } from "./rounds.ts";
import { Site } from "../state/site.ts";
import { siloRole } from "../state/folder.ts";
import { SiloState } from "./state.ts";
import type { TurnContext } from "./turn_context.ts";

/** What one silo takes part with. */
export interface SiloOptions {
  /** Name, as in the certificate and the aggregator's list. */
  silo: string;
  server: URL | string;
  /** Folder with ca.pem, cert.pem, key.pem. */
  tls: string;
  /** State folder, locked while it runs. */
  state: string;
  /** Awaited before the silo connects: checks that need no proposal. A finished run skips it. @default none */
  ready?: () => Promise<void>;
  /** The site folder, for masked runs. @default this user's */
  site?: string;
  /** Digest of the shard that is there, null for none; asked only where the run has finished. @default none */
  shard?: () => Promise<string | null>;
  /** What the silo's operator lets the proposal ask for. @default at least 50 training patients */
  accept?: Limits;
  /** Makes the trainer once the proposal is known; disposed of at the end. */
  trainer: (proposal: Proposal, context: { number: number }) => Promise<Trainer>;
  /** Seconds to wait for an aggregator that does not answer. @default 3600 */
  wait?: number;
  /** Seconds between heartbeats. @default 10 */
  heartbeat?: number;
  onEvent?: OnEvent;
  /** The log that `onEvent` writes, which is to be signed. @default none */
  log?: AuditLog;
  /** Awaited at named moments. @default none */
  faultPoint?: FaultPoint;
  /** Stops the silo; the promise rejects with its reason, the run can be resumed. */
  signal?: AbortSignal;
}

/**
 * Takes part in one run to its end; a finished one only returns its result.
 *
 * @throws {ProtocolError} `finished_run`, and on refusals of certificate, name, shard or update, on a failed run, `disk_full`, and
 * `unreachable` after `wait` · the signal's reason.
 */
export async function runSilo(options: SiloOptions): Promise<SiloResult> {
  requirePinnedDeno();
  requireCheckedTls();
  const { silo, faultPoint = () => {} } = options;
  const onEvent = safely(options.onEvent);
  const credentials = await Credentials.open(options.tls, { role: "silo", name: silo, onEvent });
  using state = await SiloState.open(options.state, { silo });
  if (state.ended !== null) await checkSameRun(state, options);
  if (state.result !== null) {
    onEvent({ type: "already_finished", at: state.result.finished ?? null, last: null });
    return state.result;
  }
  await options.ready?.();
  using trainer = state.ended === null
    ? await takeRun(state, { ...options, onEvent, faultPoint, credentials })
    : await trainerAgain(state, options);
  const result = await compareWithStart(state, trainer, { onEvent, faultPoint }).catch((error) => {
    throw nameFullDisk(error, { folder: state.folder.dir });
  });
  await auditOf(state.joined!.run, { ...options, onEvent, credentials })?.sign();
  return result;
}

/** What signs the silo's log, null for none. */
function auditOf(
  run: string,
  options: Pick<SiloOptions, "silo" | "log"> & { onEvent: OnEvent; credentials: Credentials },
): Audit | null {
  const { silo, log, onEvent, credentials } = options;
  if (log === undefined) return null;
  return new Audit({ log, run, role: siloRole(silo), onEvent, identity: () => credentials.identity });
}

/** Joins the run and takes part to its end, after which the hub is needed no more. The trainer is the caller's then. */
async function takeRun(
  state: SiloState,
  options: SiloOptions & { onEvent: OnEvent; faultPoint: FaultPoint; credentials: Credentials },
): Promise<Trainer> {
  const { silo, wait = 3600, signal, accept, onEvent, faultPoint, credentials } = options;
  const server = new URL(options.server);
  using client = new Client({ server, identity: () => credentials.refresh(), wait, onEvent, signal });
  const view = await client.view();
  const willing = await declining(
    client,
    view.run,
    { signal },
    () => consider(view, state, { ...options, onEvent }),
  );
  const { proposal, number, speed } = willing;
  using held = new DisposableStack();
  const trainer = held.use(willing.trainer);
  using site = willing.site;
  const masking = site === null ? null : new Masking({
    ...{ silo, state, client, site, trust: willing.trust, onEvent, faultPoint },
    identity: () => credentials.refresh(),
    admission: await Admission.open(options.tls, { ca: credentials.identity.ca, onEvent }),
  });
  await masking?.introduce(view.run, proposal);
  const joined = await client.join(registrationOf(silo, trainer, speed));
  if (state.plan === null) {
    const { shard } = trainer.shard;
    state.joined = { run: view.run, proposal, late: joined.plan !== null, shard, server: server.href };
  }
  const doing = { run: view.run, round: 0, phase: "waiting" as const, step: 0, steps: 0 };
  using heartbeats = new Heartbeats(client, doing, { period: options.heartbeat, onEvent });
  if (joined.plan === null) onEvent({ type: "idle", until: "plan", round: 0 });
  const plan = await waitForPlan({ client, state, silo, trainer }, joined);
  await configure(trainer, plan, number);
  const maxPasses = accept?.maxPasses;
  const audit = auditOf(view.run, options);
  const context = {
    ...{
      silo,
      client,
      state,
      trainer,
      plan,
      maxPasses,
      masking,
      audit,
      heartbeats,
      onEvent,
      faultPoint,
      signal,
    },
  };
  await takePart(context).catch((error) => {
    throw nameFullDisk(error, { folder: state.folder.dir });
  }).finally(() => audit?.sign());
  held.move();
  return trainer;
}

/** The trainer of a run that has ended, made anew by a silo that was stopped before it had its result. */
async function trainerAgain({ joined, plan }: SiloState, options: SiloOptions): Promise<Trainer> {
  const { proposal } = joined!;
  const number = proposal.silos.indexOf(options.silo) + 1;
  using held = new DisposableStack();
  const trainer = held.use(await options.trainer(proposal, { number }));
  await configure(trainer, plan!, number);
  held.move();
  return trainer;
}

async function configure(trainer: Trainer, plan: Plan, number: number): Promise<void> {
  const { classWeights, seed, pooled: { images }, localEpochs } = plan;
  const recipe = withSettledStatistics(plan.recipe, { images, silos: plan.roster.length, localEpochs });
  await trainer.configure({ recipe, classWeights, seed, silo: number });
}

/** A finished run's result is no answer to who means another run. @throws {ProtocolError} `finished_run` */
async function checkSameRun({ joined }: SiloState, options: Pick<SiloOptions, "server" | "shard">) {
  const { server, shard } = joined!;
  const { href } = new URL(options.server);
  if (server !== undefined && server !== href) {
    throw new ProtocolError("finished_run", { expected: `--server ${server}`, got: href });
  }
  const found = await options.shard?.() ?? null;
  if (shard === undefined || found === null || shard === found) return;
  const [expected, got] = [shard, found].map((digest) => `the shard of digest ${digest.slice(0, 12)}`);
  throw new ProtocolError("finished_run", { expected, got });
}

/** What a silo joins with. */
interface Willing {
  proposal: Proposal;
  /** Its number, from 1 in the proposal's order. */
  number: number;
  trainer: Trainer;
  /** Steps a second. */
  speed: number;
  /** The site folder of a silo that masks its updates, null in a run without masks. */
  site: Site | null;
  trust: "pins" | "ca";
}

/**
 * Looks at what is proposed, and whether this silo takes part in it.
 *
 * Why in this order: what the proposal alone decides tells nothing of the shard; too few patients are told before
 * anything that is compared with a count, which an aggregator that changes its proposal could come close to.
 */
async function consider(
  view: RunView,
  state: SiloState,
  options: SiloOptions & { credentials: Credentials },
): Promise<Willing> {
  const { silo, accept, onEvent, credentials } = options;
  const proposal = checkProposal(view, state);
  onEvent?.({ type: "proposal", proposal });
  // A hub whose run could sum fewer silos than it promises is no hub of ours.
  checkSettings(proposal);
  checkLimits(proposal, accept);
  using held = new DisposableStack();
  const site = proposal.masked === null ? null : held.use(await Site.open(options.site ?? defaultSite()));
  const pins = site?.pinned(caDigest(credentials.identity.ca)) ?? new Map<string, string>();
  if (site !== null) {
    checkPeersPinned(proposal, { pins, trustCa: accept?.trustCa });
  }
  const number = proposal.silos.indexOf(silo) + 1;
  const trainer = held.use(await options.trainer(proposal, { number }));
  checkPatients(trainer.shard.splits.train, accept);
  checkRegistration(proposal, trainer.shard);
  const speed = plausibleSpeed(await trainer.stepsPerSecond());
  held.move();
  return { proposal, number, trainer, speed, site, trust: pins.size > 0 ? "pins" : "ca" };
}

/** The proposal: the one that this silo joined the run with, else the one that is shown. */
function checkProposal(view: RunView, { joined, plan }: SiloState): Proposal {
  if (joined !== null) checkRun(joined.run, view);
  const { proposal } = joined ?? view;
  checkView(view, { run: view.run, proposal, plan });
  return proposal;
}

function registrationOf(silo: string, trainer: Trainer, stepsPerSecond: number): Registration {
  const { device, build, threads } = trainer.info;
  const info = { device: ascii(device), build: ascii(build), threads };
  return { silo, ...trainer.shard, ...info, stepsPerSecond, wire: WIRE_VERSION };
}

/** The plan, checked once against what was accepted and kept from then on. */
async function waitForPlan(
  context: Pick<TurnContext, "client" | "state" | "silo" | "trainer">,
  joined: RunView,
): Promise<Plan> {
  const { client, state, silo, trainer } = context;
  const { run, proposal, late } = state.joined!;
  let view = joined;
  for (;; view = await client.view({ seen: stageOf(view) })) {
    refuseFailed(view);
    checkView(view, { run, proposal, plan: state.plan });
    if (view.plan !== null) break;
  }
  if (state.plan === null) {
    checkPlan(view, { proposal, silo, own: trainer.shard.splits.train, late });
    state.plan = view.plan;
  }
  return view.plan;
}
