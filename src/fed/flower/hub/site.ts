/**
 * A site with Flower as a silo of the run: it joins, takes its turn in each round that names it, scores and tests, by asking its
 * SuperNode. What it sends to the aggregator goes through the endpoints that every silo's goes through.
 *
 * The site's SuperNode is asked for one thing at a time. A reply that cannot be taken is named, and the site is asked again
 * after a while, for as long as the round waits for it.
 */
import { digest } from "../../../files/digest.ts";
import { fingerprint, type Layout } from "../../../model/layout.ts";
import type { Inside } from "../../wire/guests.ts";
import { F32_DELTA } from "../../protocol/encoding.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import {
  type Heartbeat,
  type Proposal,
  type Registration,
  type RoundSettings,
  type RunView,
  type Scores,
  UNSCORED,
  WIRE_VERSION,
} from "../../protocol/messages.ts";
import { stageOf } from "../../protocol/stage.ts";
import type { Client } from "../../wire/client.ts";
import { sleep } from "../../wire/retry.ts";
import type { Said } from "../codec/content.ts";
import { cut } from "../refused.ts";
import type { FlowerSite } from "./enrolment.ts";
import type { Asked, Mailbox } from "./mailbox.ts";
import { contentOf, stepsIn, trainingOf } from "./told.ts";
import { type Figures, readFigures, readTraining, ReplyRefused } from "./replies.ts";

/** Seconds until a site is asked again whose reply was not taken, and the most that they are doubled to. */
const AGAIN = { first: 5, last: 120 };
/** Refusals after which a site looks at the run again. */
const GO_ON = new Set(["round_closed", "no_round", "model_missing", "other_base", "different_update"]);

export interface SiteContext {
  site: FlowerSite;
  client: Client;
  mailbox: Mailbox;
  inside: Inside;
  layout: Layout;
  /** What the aggregator is told that the site is doing. */
  doing: { beat: Heartbeat | null };
  /** Seconds until it is asked again whose reply was not taken, doubled each time. @default 5 */
  again?: number;
  /** Aborted when its SuperNode is gone. */
  signal: AbortSignal;
}

/** The run has gone on without what the site was asked for. */
class Over extends Error {}

/** Takes part until the run is over. @throws {ProtocolError} as the aggregator answers · the signal's reason */
export async function takePart(context: SiteContext): Promise<void> {
  const { client, site, inside: { proposal } } = context;
  await client.join(registrationOf(site, proposal));
  for (let view = await client.view();;) {
    if (view.state === "failed") return;
    const done = stageOf(view);
    if (view.state === "finished") return await client.leave(done);
    const next = following(client, done);
    await doing(context, view, next);
    note(context, view, "waiting");
    view = await next;
  }
}

/** The view that follows a stage. */
async function following(client: Client, done: string): Promise<RunView> {
  for (;;) {
    const view = await client.view({ seen: done });
    if (stageOf(view) !== done) return view;
  }
}

/** Does what a view asks of the site, until the run has gone on. */
async function doing(context: SiteContext, view: RunView, next: Promise<RunView>): Promise<void> {
  const over = new AbortController();
  next.then(() => over.abort(new Over()), (error) => over.abort(error));
  const signal = AbortSignal.any([context.signal, over.signal]);
  for (;;) {
    try {
      return await step({ ...context, signal }, view);
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof Over || signal.reason instanceof Over) return;
      if (!(error instanceof ProtocolError && GO_ON.has(error.code))) throw error;
      // The run goes on in a moment, or this round has its update from before a restart.
      if (error.code === "different_update") return counted(context, view.round);
      await sleep(.2, signal).catch(() => {});
      if (signal.aborted) return;
    }
  }
}

async function step(context: SiteContext, view: RunView): Promise<void> {
  const { site: { name } } = context;
  const { state, row, selected } = view;
  if (state === "round" && row?.roster.includes(name)) return await turn(context, row);
  // Who has taken no turn in this run is asked nothing about its films, nor waited for.
  if (state !== "closing" || !begunBy(context)) return;
  await (selected === null ? scoreLast(context, view) : testSelected(context, view, selected));
}

/** A turn: scores the base where the row asks for it, trains from it, sends both. */
async function turn(context: SiteContext, row: RoundSettings): Promise<void> {
  const { client, site, layout, inside: { run } } = context;
  const { round, base: sha256 } = row;
  if (countedOf(context) === round) return;
  const { vector } = await client.pull(round - 1, { length: layout.length, sha256 });
  const val = row.score ? await scoreVal(context, { vector, sha256, round }) : UNSCORED;
  const steps = stepsIn(context, row);
  begun(context);
  if (steps === 0) return await client.scores({ run, round, ...val, seconds: { train: 0 } });
  const began = performance.now();
  note(context, { round }, "training", steps);
  const asked: Asked = {
    ...{ type: "train", round, key: `train ${round} ${sha256}` },
    content: contentOf(context, vector, trainingOf(context, row)),
  };
  const { network } = context.inside.proposal;
  const change = await answer(
    context,
    asked,
    (said) => readTraining(said, { ...{ base: vector, layout, network, train: site.train } }),
  );
  const seconds: Scores["seconds"] = { train: (performance.now() - began) / 1000 };
  note(context, { round }, "uploading", steps);
  await client.scores({ run, round, ...val, seconds });
  const bytes = new Uint8Array(change.buffer, change.byteOffset, change.byteLength);
  await client.upload(
    {
      ...{ run, round, base: sha256, layout: fingerprint(layout), bytes: bytes.length, wire: WIRE_VERSION },
      ...{ examples: site.train, sha256: digest(change), encoding: F32_DELTA, roster: null },
    },
    (offset, part) => part.set(bytes.subarray(offset, offset + part.length)),
  );
  counted(context, round);
}

/** Scores the last model. */
async function scoreLast(context: SiteContext, view: RunView): Promise<void> {
  const { client, layout, inside: { run } } = context;
  const { vector, sha256 } = await client.pull(view.round, { length: layout.length, sha256: null });
  const round = view.round + 1;
  await client.scores({ run, round, ...await scoreVal(context, { vector, sha256, round }) });
}

/** The figures of a model on `val`, asked for once. */
async function scoreVal(
  context: SiteContext,
  { vector, sha256, round }: { vector: Float32Array; sha256: string; round: number },
): Promise<Figures> {
  const { inside: { memory }, site: { name } } = context;
  const kept = memory.get<{ sha256: string; val: Figures }>(`flower ${name} val`);
  if (kept?.sha256 === sha256) return kept.val;
  note(context, { round }, "scoring");
  const val = await evaluate(context, { vector, sha256, round, split: "val" });
  memory.set(`flower ${name} val`, { sha256, val });
  return val;
}

/** Tests the selected model. */
async function testSelected(
  context: SiteContext,
  view: RunView,
  { round: chosen, sha256 }: { round: number; sha256: string },
): Promise<void> {
  const { client, layout, inside: { run } } = context;
  const round = view.round + 1;
  note(context, view, "closing");
  const { vector } = await client.pull(chosen, { length: layout.length, sha256 });
  const { auroc, se, positives, negatives } = await evaluate(context, {
    vector,
    sha256,
    round,
    split: "test",
  });
  const test = { auroc, se, positives, negatives, images: positives + negatives };
  await client.scores({ run, round, ...UNSCORED, positives, negatives, test });
}

async function evaluate(
  context: SiteContext,
  { vector, sha256, round, split }: {
    vector: Float32Array;
    sha256: string;
    round: number;
    split: "val" | "test";
  },
): Promise<Figures> {
  const asked: Asked = {
    ...{ type: "evaluate", round, key: `${split} ${round} ${sha256}` },
    content: contentOf(context, vector, [["server-round", BigInt(round)], ["split", split]]),
  };
  return await answer(context, asked, (said) => ofSameFilms(context, split, readFigures(said)));
}

/** A split's figures are about the same films all along, those of the first reply. @throws {ReplyRefused} */
function ofSameFilms(
  { inside: { memory }, site: { name } }: SiteContext,
  split: "val" | "test",
  figures: Figures,
): Figures {
  const key = `flower ${name} films of ${split}`;
  const { positives, negatives } = figures;
  const first = memory.get<{ positives: number; negatives: number }>(key);
  if (first === null) memory.set(key, { positives, negatives });
  else if (first.positives !== positives || first.negatives !== negatives) {
    const expected =
      `${first.positives} positive and ${first.negatives} negative films of ${split}, as before`;
    throw new ReplyRefused(expected, `${positives} and ${negatives}`);
  }
  return figures;
}

/** A reply that can be taken; others are named, and the site is asked again. */
async function answer<T>(context: SiteContext, asked: Asked, read: (said: Said) => T): Promise<T> {
  const { mailbox, signal, again = AGAIN.first, site: { name }, inside: { onEvent } } = context;
  for (let pause = again;; pause = Math.min(2 * pause, AGAIN.last)) {
    try {
      return read(await mailbox.ask(asked, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ReplyRefused || error instanceof SyntaxError)) throw error;
      const { expected, got } = error instanceof ReplyRefused
        ? error
        : { expected: "a whole reply", got: cut(error.message) };
      onEvent({ type: "refused", peer: name, code: "flower_reply", expected, got });
      await sleep(pause, signal);
    }
  }
}

function note(
  { doing, inside: { run } }: SiteContext,
  { round }: { round: number },
  phase: Heartbeat["phase"],
  steps = 0,
): void {
  doing.beat = { run, round, phase, step: 0, steps };
}

/** The latest round that counts an update of the site, null for none: a killed aggregator is not to ask for it again. */
const countedOf = ({ inside: { memory }, site: { name } }: SiteContext) =>
  memory.get<number>(`flower ${name} counted`);

const counted = ({ inside: { memory }, site: { name } }: SiteContext, round: number) =>
  memory.set(`flower ${name} counted`, round);

/** Whether the site has ever sent anything of a turn: noted before it does. */
const begunBy = ({ inside: { memory }, site: { name } }: SiteContext) =>
  memory.get<boolean>(`flower ${name} begun`) === true;

const begun = ({ inside: { memory }, site: { name } }: SiteContext) =>
  memory.set(`flower ${name} begun`, true);

/** What the aggregator's operator has said of the site, as a registration: `val` and `test` nobody has counted. */
function registrationOf(
  { name, train, positives }: FlowerSite,
  { size, preprocessing: { kernel, fit }, labelRule }: Proposal,
): Registration {
  const none = { images: 0, patients: 0, positives: 0 };
  return {
    ...{ silo: name, shard: digest(`a site with Flower: ${name}`), size, kernel, fit, labelRule },
    splits: { train: { images: train, patients: train, positives }, val: none, test: none },
    ...{ device: "Flower SuperNode", threads: 1, build: "flower", stepsPerSecond: 1, wire: WIRE_VERSION },
  };
}
