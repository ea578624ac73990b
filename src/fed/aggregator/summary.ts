/**
 * What a finished run says of itself, from what is committed. It says first which silos it went without: training on
 * some of the hospitals only, in silence, is the worst failure in this field.
 */
import { hasPart, stepsIn } from "./part.ts";
import type { Selection } from "../maths/selection.ts";
import { type AggregatorResult, type RoundResult, roundResult, testResult } from "../training/result.ts";
import type { Run } from "./run.ts";

/**
 * The result of a run whose silos have tested the selected model.
 * @param options.seconds from the opening of round 1 to the selected model on disk
 * @param options.file_sha256 of the selected model's file
 * @param options.unscored silos that were left out when the last model was scored
 */
export function resultOf(
  run: Run,
  options: { selection: Selection; seconds: number; unscored: readonly string[]; file_sha256: string },
): AggregatorResult {
  const { selection, seconds, unscored, file_sha256 } = options;
  const { models, rounds, tests, folder } = run.state;
  const untested = run.proposal.silos.filter((silo) => tests[silo] === undefined);
  const missing = missingRounds(run, [...unscored, ...untested]);
  const abandoned = folder.get<number>("abandoned");
  return {
    degraded: Object.keys(missing).length > 0,
    missing,
    masked: maskedOf(run),
    label_rule: run.proposal.labelRule,
    rounds,
    ...(abandoned === null ? {} : { abandoned }),
    selection: { ...selection, split: "val", note: "optimistic" },
    test: testResult(Object.fromEntries(Object.entries(tests).map(([silo, s]) => [silo, s.test!]))),
    seconds,
    bytes: run.bytes,
    images: imagesOf(run),
    model: `${folder.dir}/model.safetensors`,
    sha256: models.get(selection.round)!,
    file_sha256,
    last_sha256: models.get(rounds)!,
    init: run.proposal.init,
    run: run.id,
    joined: joinedOf(run),
    history: historyOf(run),
  };
}

/** A run of rounds in which nobody had a step has summed nothing: it has kept what it promised. */
function maskedOf({ state, proposal }: Run): AggregatorResult["masked"] {
  if (proposal.masked === null) return null;
  const sizes = [...state.masks.rosters.values()].map(({ names }) => names.length);
  return { smallest: sizes.length === 0 ? proposal.masked.minCohort : Math.min(...sizes), trust: null };
}

/**
 * By invited silo the rounds that closed without its part, silos that never joined included; R + 1, after R rounds,
 * stands for the closing phase. Silos that were there all along have no entry.
 * @param unheard Silos that did not do their part in the closing phase.
 */
function missingRounds({ state, proposal }: Run, unheard: readonly string[]): Record<string, number[]> {
  const missing: Record<string, number[]> = {};
  for (const silo of proposal.silos) {
    const rounds: number[] = [];
    for (let round = 1; round <= state.rounds; round++) {
      if (!hasPart(state, round, silo)) rounds.push(round);
    }
    if (unheard.includes(silo)) rounds.push(state.rounds + 1);
    if (rounds.length > 0) missing[silo] = rounds;
  }
  return missing;
}

/** Trained: whole batches of counted updates. Scored: every film of every message that scores. */
function imagesOf(run: Run): { trained: number; scored: number } {
  const { state } = run;
  const { batch } = run.proposal.recipe;
  let trained = 0, scored = 0;
  for (let round = 1; round <= state.rounds; round++) {
    for (const silo of state.counted(round).keys()) trained += stepsIn(state, round, silo)! * batch;
  }
  for (const record of state.scores.values()) {
    for (const { positives, negatives } of Object.values(record)) scored += positives + negatives;
  }
  for (const { test } of Object.values(state.tests)) scored += test!.images;
  return { trained, scored };
}

function joinedOf({ state, proposal }: Run): AggregatorResult["joined"] {
  const joined = proposal.silos.flatMap((silo) => state.joined.get(silo) ?? []);
  return Object.fromEntries(
    joined.map(({ silo, splits, device, threads, build }) => [silo, { splits, device, threads, build }]),
  );
}

function historyOf({ state }: Run): RoundResult[] {
  return [...state.turns.keys()].map((round) => {
    const opened = state.rows[round - 1]?.opened, committed = state.committedAt(round);
    const seconds = opened === undefined || committed === null ? null : committed - opened;
    return roundResult(round, state.scores.get(round) ?? {}, seconds);
  });
}
