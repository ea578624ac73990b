/**
 * Three hospitals and an aggregator as processes on one machine, with certificates and films of their own; the silo `b`
 * is killed in the middle of round 2 and started again with the same command.
 */
import { EventTail, readEvents, waitForEvent } from "../../src/cli/output/history.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { drawFilms, type Films } from "./films.ts";
import type { Programs } from "./programs.ts";
import { type Measured, rounded, RunFigures } from "./run_figures.ts";

export const SILOS = ["a", "b", "c"] as const;
/** Who is killed, in which round, and how long after it began to train there, milliseconds: a GPU takes few for a step. */
const KILLED = "b", IN_ROUND = 2, AFTER = 20;
const HUB_EVENTS = "state/hub/events.jsonl";

/** The size of a federation: films of each hospital, and how they are trained on. */
export interface Size extends Films {
  batch: number;
  rounds: number;
  localEpochs: number;
}

/** How all who train do it, and where all who compute do that, as arguments. */
export interface Settings {
  training: string[];
  computing: string[];
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Films, shards and certificates in the working folder. @param program the URL of the module that runs */
export async function makeHospitals(programs: Programs, program: string, films: Films): Promise<void> {
  const began = performance.now();
  await Promise.all([makeShards(programs, program, films), makeCertificates(programs)]);
  programs.tell({ name: "films, shards and certificates", value: secondsSince(began), unit: "s" });
}

async function makeShards(programs: Programs, program: string, films: Films): Promise<void> {
  await drawFilms(program, SILOS.map((silo) => ({ silo, folder: `films-${silo}`, ...films })));
  await Promise.all(SILOS.map(async (silo) => {
    const from = ["--images", `films-${silo}/images`, "--labels", `films-${silo}/labels.csv`];
    await programs.run(`prepare-${silo}`, [
      ...["prepare", ...from, "--size", String(films.size), "--out", `shard-${silo}`, "--site", "site"],
    ]);
  }));
}

async function makeCertificates(programs: Programs): Promise<void> {
  await programs.run("ca", ["ca", "init", "--out", "ca"]);
  for (const [name, role] of [["hub", "aggregator"], ...SILOS.map((silo) => [silo, "silo"])]) {
    await programs.run(`ca-${name}`, [
      "ca",
      "issue",
      name,
      "--role",
      role,
      "--ca",
      "ca",
      "--out",
      `tls-${name}`,
    ]);
  }
}

/** A whole run; what its aggregator printed. */
export async function federate(
  programs: Programs,
  { size, device, settings, signal }: { size: Size; device: string; settings: Settings; signal: AbortSignal },
): Promise<AggregatorResult> {
  const began = performance.now();
  const figures = new RunFigures({ silos: SILOS, device, batch: size.batch });
  const over = new AbortController();
  const run = roles(programs, { size, settings, signal: AbortSignal.any([signal, over.signal]) });
  try {
    return await watched(run, { figures, events: HUB_EVENTS, programs, signal });
  } finally {
    over.abort();
    for (const figure of figures.end(size.rounds)) programs.tell(figure);
    programs.tell({ name: "the whole run, starts included", value: secondsSince(began), unit: "s" });
  }
}

/** The four roles. Once one has failed `signal` is aborted, so that nobody is waited for. */
async function roles(
  programs: Programs,
  { size, settings, signal }: { size: Size; settings: Settings; signal: AbortSignal },
): Promise<AggregatorResult> {
  const hub = programs.start("hub", [
    ...["aggregate", "--silos", SILOS.join(","), "--listen", "127.0.0.1:0", "--tls", "tls-hub"],
    ...["--state", "state/hub", "--size", String(size.size), "--rounds", String(size.rounds)],
    ...settings.training,
  ]);
  const listening = waitForEvent(HUB_EVENTS, { type: "listening", signal });
  const { port } = await Promise.race([listening, hub.result.then(() => listening)]);
  const commandOf = (silo: string) => [
    ...["train", "--silo", silo, "--server", `https://127.0.0.1:${port}`, "--tls", `tls-${silo}`],
    ...[
      "--shard",
      `shard-${silo}`,
      "--state",
      `state/${silo}`,
      "--site",
      `site-${silo}`,
      "--wait",
      "2m",
      ...settings.computing,
    ],
  ];
  const silos = SILOS.map((silo) =>
    silo === KILLED
      ? killAndRestart(programs, commandOf(silo), signal)
      : programs.start(`silo-${silo}`, commandOf(silo), { memory: `silo ${silo}` }).result
  );
  const [result] = await Promise.all([hub.result, ...silos]);
  return result as unknown as AggregatorResult;
}

/** Waits for a run, and tells meanwhile what its aggregator's events make known, as they come. */
export async function watched<T>(
  run: Promise<T>,
  { figures, events, programs, signal }: {
    figures: RunFigures;
    events: string;
    programs: Programs;
    signal: AbortSignal;
  },
): Promise<T> {
  let running = true;
  run.catch(() => {}).finally(() => running = false);
  const tail = new EventTail(events);
  for (let last = false; !last;) {
    last = !running || signal.aborted;
    for (const event of await tail.next()) figures.take(event).forEach((figure) => programs.tell(figure));
    if (!last) await pause(200);
  }
  return await run;
}

/** Runs a silo that is killed while it trains; what it printed in its second life. */
async function killAndRestart(
  programs: Programs,
  command: string[],
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const events = `state/${KILLED}/events.jsonl`, memory = `silo ${KILLED}`;
  const first = programs.start(`silo-${KILLED}`, command, { memory, killed: true });
  const training = waitToTrain(events, signal);
  await Promise.race([training, first.result.then(() => training)]);
  await pause(AFTER);
  first.child.kill("SIGKILL");
  await first.child.status;
  programs.tell(killedFigure((await readEvents(events)).at(-1)));
  return await programs.start(`silo-${KILLED}-again`, command, { memory }).result;
}

/** Looks often: on a GPU a round's training is over in a second. */
async function waitToTrain(events: string, signal: AbortSignal): Promise<void> {
  const tail = new EventTail(events);
  for (;;) {
    signal.throwIfAborted();
    const found = (await tail.next()).some((event) => event.type === "training" && event.round === IN_ROUND);
    if (found) return;
    await pause(10);
  }
}

/** What the silo said last before it was killed. */
function killedFigure(last: Awaited<ReturnType<typeof readEvents>>[number] | undefined): Measured {
  const name = `silo ${KILLED} was killed`;
  const bound = `training, round ${IN_ROUND}`;
  if (last?.type === "training" && last.round === IN_ROUND) {
    return { name, bound, ok: true, value: `round ${last.round}, in step 1 of ${last.steps}` };
  }
  if (last?.type === "step" && last.round === IN_ROUND && last.k < last.K) {
    return { name, bound, ok: true, value: `round ${last.round}, after step ${last.k} of ${last.K}` };
  }
  return {
    name,
    bound,
    ok: false,
    value: `after its event ${last?.type}`,
    reason: "it was not training any more",
  };
}

export function secondsSince(began: number): number {
  return rounded((performance.now() - began) / 1000);
}
