/** The aggregator's endpoints: one table of paths, each a function from request to answer. */
import { ProtocolError } from "../protocol/errors.ts";
import type { Audit } from "../audit/audit.ts";
import { nameFullDisk } from "../protocol/full_disk.ts";
import { Inbox } from "./inbox.ts";
import { join } from "./join.ts";
import { invited } from "./quorum.ts";
import { rangeLimit } from "../wire/ranges.ts";
import type { Run } from "./run.ts";
import {
  DeclineSchema,
  HeartbeatSchema,
  parseMessage,
  RegistrationSchema,
  ScoresSchema,
  SignedReadySchema,
  SignedStatementSchema,
  type UpdateProgress,
  UpdateStartSchema,
} from "../protocol/messages.ts";
import { takeReady, takeStatement } from "./masked.ts";
import { checkOpen } from "./check_open.ts";
import { takeScores } from "./take_scores.ts";
import { stageOf } from "../protocol/stage.ts";
import { siloRole } from "../state/folder.ts";
import {
  answerOf,
  type Handler,
  parseRange,
  readBody,
  type WireAnswer,
  type WireRequest,
} from "../wire/exchange.ts";

/** Longest a `GET /v1/run` waits for a change, seconds. */
const LONGEST_WAIT = 30;
/** Seconds between two warnings of a full disk, however many silos ask how often. */
const QUIET = 60;

type Endpoint = (request: WireRequest, round: number) => Promise<WireAnswer>;

/** The handler of one run. @param audit signs the log @default none is kept */
export function handlerOf(run: Run, audit: Audit | null = null): Handler {
  const inbox = new Inbox(run);
  const report = reporter(run);
  const endpoints: [RegExp, Record<string, Endpoint>][] = [
    [/^\/v1\/run$/, { GET: (request) => view(run, request) }],
    [/^\/v1\/decline$/, { POST: (request) => decline(run, request) }],
    [/^\/v1\/join$/, { POST: (request) => register(run, request) }],
    [/^\/v1\/statement$/, { POST: (request) => statement(run, request) }],
    [/^\/v1\/roster$/, { GET: () => statements(run) }],
    [/^\/v1\/rounds\/(\d{1,9})\/ready$/, { POST: (request, round) => ready(run, request, round) }],
    [/^\/v1\/rounds\/(\d{1,9})\/roster$/, { GET: (_, round) => rosterOf(run, round) }],
    [/^\/v1\/rounds\/(\d{1,9})\/model$/, { GET: (request, round) => model(run, request, round) }],
    [/^\/v1\/rounds\/(\d{1,9})\/update$/, {
      POST: (request, round) => announce(run, inbox, { request, round, audit }),
      PUT: (request, round) => receive(run, inbox, { request, round, audit }),
    }],
    [/^\/v1\/rounds\/(\d{1,9})\/scores$/, { POST: (request, round) => scores(run, request, round) }],
    [/^\/v1\/heartbeat$/, { POST: (request) => heartbeat(run, request) }],
  ];
  return async (request) => {
    try {
      for (const [path, methods] of endpoints) {
        const match = path.exec(request.path);
        if (match === null) continue;
        const endpoint = methods[request.method];
        if (endpoint === undefined) {
          throw new ProtocolError("wrong_method", {
            expected: Object.keys(methods).join(", "),
            got: request.method,
          });
        }
        if (run.away.isLeftOut(request.silo)) throw leftOut(run, request.silo);
        run.attendance.connect(request.silo, request.session);
        return await endpoint(request, Number(match[1] ?? 0));
      }
      throw new ProtocolError("unknown_path", {
        expected: "a path of this wire version",
        got: request.path.slice(0, 80),
      });
    } catch (cause) {
      // A silo that went away is no failure: its connection's end is told by itself.
      if (request.signal.aborted) return answerOf(cause);
      return answerOf(report(cause, request.silo));
    }
  };
}

function leftOut(run: Run, silo: string): ProtocolError {
  return new ProtocolError("left_out", { expected: `one of ${invited(run).join(", ")}`, got: silo });
}

/** Tells the operator of failed requests, and gives each failure the name that the silo is told. */
function reporter(run: Run): (cause: unknown, peer: string) => unknown {
  let warned = -Infinity;
  return (cause, peer) => {
    const error = nameFullDisk(cause, {
      folder: `the aggregator's state, ${run.state.folder.dir}`,
      remedy: "free some on that machine; the run then goes on by itself",
    });
    if (!(error instanceof ProtocolError)) {
      run.onEvent({ type: "warning", text: `a request failed: ${error}` });
    } else if (error.code === "disk_full") {
      if (run.now() - warned < QUIET) return error;
      warned = run.now();
      run.onEvent({ type: "warning", text: error.message });
    } else if (!error.retryable) {
      const { code, expected, got } = error;
      run.onEvent({ type: "refused", peer, code, expected, got });
    }
    return error;
  };
}

const json = (value: unknown): WireAnswer => ({ status: 200, json: value });

/**
 * `seen` is `stageOf` the last view, `wait` how many seconds it may take to change. A silo that has seen the finished
 * run holds its model and result: only then may the aggregator go.
 */
async function view(run: Run, request: WireRequest): Promise<WireAnswer> {
  const seen = request.query.get("seen");
  const wait = Math.min(Number(request.query.get("wait") ?? 0) || 0, LONGEST_WAIT);
  if (seen !== null && wait > 0) {
    const gone = request.signal;
    await run.until(() => stageOf(run.view()) !== seen, { deadline: run.now() + wait, signal: gone });
  }
  const answer = run.view();
  if (answer.state === "finished" && seen === stageOf(answer)) run.leave(request.silo);
  return json(answer);
}

async function register(run: Run, request: WireRequest): Promise<WireAnswer> {
  join(
    run,
    request.silo,
    parseMessage(RegistrationSchema, await readBody(request), { what: "a registration" }),
  );
  return json(run.view());
}

async function statement(run: Run, request: WireRequest): Promise<WireAnswer> {
  const signed = parseMessage(SignedStatementSchema, await readBody(request), { what: "a statement" });
  takeStatement(run, request.silo, signed);
  return json({ received: true });
}

/** What the silos have stated: each judges it for itself. */
function statements(run: Run): Promise<WireAnswer> {
  const all = [...run.state.masks.statements.values()].map(({ signed }) => signed);
  return Promise.resolve(json({ statements: all }));
}

async function ready(run: Run, request: WireRequest, round: number): Promise<WireAnswer> {
  const signed = parseMessage(SignedReadySchema, await readBody(request), { what: "a ready" });
  takeReady(run, request.silo, { round, signed });
  return json({ received: true });
}

/** The readies that a round's updates are masked for; a silo that is started again asks for those of a closed one too. */
function rosterOf(run: Run, round: number): Promise<WireAnswer> {
  const settled = run.state.masks.rosters.get(round);
  if (settled !== undefined) return Promise.resolve(json({ readies: settled.readies }));
  checkOpen(run, round);
  throw new ProtocolError("no_roster", { expected: `a settled roster in round ${round}`, got: "none" });
}

/** A silo says for itself that it does not join, and may still do so later. */
async function decline(run: Run, request: WireRequest): Promise<WireAnswer> {
  const { run: of, code } = parseMessage(DeclineSchema, await readBody(request), {
    what: "a silo that declines",
  });
  if (of !== run.id) throw new ProtocolError("other_run", { expected: `run ${run.id}`, got: of });
  run.decline(request.silo, code);
  return json({ received: true });
}

/** The vector after `round`: the base of the open round, the last one, or the selected one. */
function model(run: Run, request: WireRequest, round: number): Promise<WireAnswer> {
  const { models, rounds } = run.state;
  const sha256 = models.get(round);
  const servable = round === rounds || round === run.selected?.round;
  if (sha256 === undefined || !servable) {
    throw new ProtocolError("model_missing", {
      expected: `the model of round ${rounds}`,
      got: `of ${round}`,
    });
  }
  const total = run.layout.length * 4;
  const { first, length } = parseRange(request.range, total, rangeLimit(run.attendance.connected.length));
  run.moved(length);
  if (first === 0) run.onEvent({ type: "pulled", silo: request.silo, round, bytes: total });
  const status = request.range === undefined && length === total ? 200 : 206;
  return Promise.resolve({
    status,
    file: { path: run.state.modelPath(round), first, length, total, sha256 },
  });
}

/** A request about an update. */
interface UpdateRequest {
  request: WireRequest;
  round: number;
  audit: Audit | null;
}

async function announce(
  run: Run,
  inbox: Inbox,
  context: UpdateRequest,
): Promise<WireAnswer> {
  const { request, round, audit } = context;
  const { heads, ...start } = parseMessage(UpdateStartSchema, await readBody(request), {
    what: "an update's start",
  });
  sameRound(round, start.round);
  if (!run.state.joined.has(request.silo)) {
    throw new ProtocolError("not_joined", { expected: "a silo that joined", got: request.silo });
  }
  if (heads !== undefined) audit?.take(siloRole(request.silo), heads);
  return json(await withHeads(audit, request, await inbox.start(request.silo, start)));
}

/** Puts beside a receipt where the logs stand: after it, so that both sides hold a head that covers it. */
async function withHeads(
  audit: Audit | null,
  { silo }: WireRequest,
  progress: UpdateProgress,
): Promise<UpdateProgress> {
  if (progress.receipt === undefined) return progress;
  const heads = await audit?.answer(siloRole(silo));
  return heads === undefined ? progress : { ...progress, heads };
}

async function receive(
  run: Run,
  inbox: Inbox,
  context: UpdateRequest,
): Promise<WireAnswer> {
  const { request, round, audit } = context;
  const offset = Number(request.query.get("offset") ?? NaN);
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new ProtocolError("bad_request", {
      expected: "offset=BYTES",
      got: String(request.query.get("offset")),
    });
  }
  const progress = await inbox.put(request.silo, { round, offset, body: heard(run, request) });
  return json(await withHeads(audit, request, progress));
}

/** The body; over a slow line it is all that a silo says for minutes. */
async function* heard(run: Run, { silo, body }: WireRequest): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    run.attendance.noteHeard(silo);
    yield chunk;
  }
}

async function scores(run: Run, request: WireRequest, round: number): Promise<WireAnswer> {
  const message = parseMessage(ScoresSchema, await readBody(request), { what: "scores" });
  sameRound(round, message.round);
  takeScores(run, request.silo, message);
  return json({ received: true });
}

async function heartbeat(run: Run, request: WireRequest): Promise<WireAnswer> {
  const beat = parseMessage(HeartbeatSchema, await readBody(request), { what: "a heartbeat" });
  const { round, phase, step, steps } = beat;
  run.attendance.noteHeartbeat(request.silo, beat);
  // Who is ready counts as such as long as it is heard.
  if (run.proposal.masked !== null) run.notify();
  run.onEvent({ type: "progress", silo: request.silo, round, phase, step, steps });
  const { state, round: current } = run.view();
  return json({ run: run.id, state, round: current });
}

function sameRound(path: number, body: number): void {
  if (path === body) return;
  throw new ProtocolError("bad_request", { expected: `round ${path} as in the path`, got: `round ${body}` });
}
