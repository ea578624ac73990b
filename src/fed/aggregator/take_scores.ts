/**
 * What the aggregator takes of a silo's scores: at its time only, of the split that the silo registered, and none in a
 * row that asks for none.
 */
import { plural } from "../../plural.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { checkHistogram } from "../maths/histogram.ts";
import { type Scores, scoresVal, type SplitCounts } from "../protocol/messages.ts";
import type { Run } from "./run.ts";
import { checkSteps } from "../maths/skipped.ts";
import { stepsIn } from "./part.ts";

/**
 * Keeps a silo's `val` scores of the open round or the closing phase, or its `test` scores of the selected model. The
 * same again is taken at any time, since the answer to the first may have been lost.
 * @throws {ProtocolError} `other_run`, `not_in_roster`, `round_closed`, `no_round`, `wrong_counts`, `steps_skipped`.
 */
export function takeScores(run: Run, silo: string, scores: Scores): void {
  if (scores.run !== run.id) {
    throw new ProtocolError("other_run", { expected: `run ${run.id}`, got: scores.run });
  }
  if (!run.state.joined.has(silo)) {
    throw new ProtocolError("not_joined", { expected: "a silo that joined", got: silo });
  }
  const { round, test } = scores;
  const known = test === undefined ? run.state.turns.get(round)?.[silo] : run.state.tests[silo];
  if (JSON.stringify(known) === JSON.stringify(scores)) return;
  checkTime(run, silo, scores);
  const flower = run.proposal.flower.includes(silo);
  const { val, test: tested } = flower ? splitsOf(scores) : run.state.joined.get(silo)!.splits;
  if (test === undefined) {
    checkVal(run, scores, val);
    checkError(scores);
    checkSkipped(run, silo, scores);
  } else {
    checkCounts("test", tested, test);
    checkError(test);
    if (test.histogram !== undefined) {
      checkHistogram(test.histogram, { ...test, bins: run.proposal.histogram });
    }
  }
  run.score(silo, scores);
  if (run.phase === "round" && stepsIn(run.state, round, silo) === 0) {
    run.onEvent({ type: "no_step", silo, round });
  }
  const { skipped = 0 } = scores;
  if (scoresVal(scores) || skipped === 0) return; // else the line of the scores says it
  run.onEvent({ type: "warning", text: `${silo} skipped ${plural(skipped, "step")} of round ${round}` });
}

/** What figures of a Flower site are about: it registers no films of `val` and `test`, and says of how many they are. */
function splitsOf({ positives, negatives, test }: Scores): Record<"val" | "test", SplitCounts> {
  const counts = (of: { positives: number; negatives: number }) => {
    const images = of.positives + of.negatives;
    return { images, patients: images, positives: of.positives };
  };
  return { val: counts({ positives, negatives }), test: counts(test ?? { positives, negatives }) };
}

/**
 * `val` until the round's or the run's scores are in, `test` once there is a selected model. A turn without scores is
 * none of the closing phase's; one without a step, that comes when the round is being closed without it, is late.
 */
function checkTime(run: Run, silo: string, scores: Scores): void {
  const { phase, selected, folding, state, state: { rounds, current } } = run;
  const { round, test } = scores;
  const row = phase === "round" ? current?.row : undefined;
  const late = folding === round && stepsIn(state, round, silo) === 0;
  const wanted = test === undefined
    ? (row?.roster.includes(silo) && !late) || (phase === "closing" && selected === null && scoresVal(scores))
    : phase === "closing" && selected !== null;
  if (wanted && round === rounds + 1) return;
  // A run that has just been resumed will be where it was in a moment.
  const later = !late && (phase === "joining" || phase === "round") && round > rounds;
  throw new ProtocolError(later ? "no_round" : "round_closed", {
    expected: test === undefined ? `val scores of round ${rounds + 1}` : "test scores in the closing phase",
    got: `${test === undefined ? "val" : "test"} scores of round ${round} in the phase ${phase}`,
  });
}

/** Figures on the registered films of `val`, or none where the open row asks for none. */
function checkVal({ phase, state: { current } }: Run, scores: Scores, val: SplitCounts): void {
  const { auroc, se, loss, diverged, positives, negatives } = scores;
  const unscored = phase === "round" && current?.row.score === false;
  if (!unscored) return checkCounts("val", val, { positives, negatives, images: positives + negatives });
  if (auroc === null && se === null && loss === null && diverged === undefined && !scoresVal(scores)) return;
  const got = JSON.stringify({ auroc, se, loss, diverged, positives, negatives });
  throw new ProtocolError("wrong_counts", { expected: "no scores in a round that asks for none", got });
}

/** An AUROC comes with its error, and none is certain. */
function checkError({ auroc, se }: Pick<Scores, "auroc" | "se">): void {
  if ((auroc === null) === (se === null) && se !== 0) return;
  throw new ProtocolError("wrong_counts", {
    expected: "an AUROC with a standard error above 0, or neither",
    got: `${auroc} with ${se}`,
  });
}

/** The silo's own figures of its steps: within those of its row, and such as it may send an update with. */
function checkSkipped(run: Run, silo: string, { skipped = 0, searched = 0 }: Scores): void {
  const steps = stepsIn(run.state, run.state.rounds + 1, silo) ?? 0;
  if (searched > skipped || skipped > steps) {
    throw new ProtocolError("wrong_counts", {
      expected: `at most ${steps} skipped steps, and those of the search among them`,
      got: `${skipped} with ${searched} of the search`,
    });
  }
  checkSteps({ steps, skipped, searched });
}

function checkCounts(
  split: "val" | "test",
  registered: SplitCounts,
  scores: { positives: number; negatives: number; images: number },
): void {
  const { positives, negatives, images } = scores;
  const same = positives === registered.positives && images === registered.images &&
    positives + negatives === images;
  if (same) return;
  throw new ProtocolError("wrong_counts", {
    expected: `${registered.positives} positive of ${
      plural(registered.images, "image")
    } in ${split}, as registered`,
    got: `${positives} positive and ${negatives} negative of ${images}`,
  });
}
