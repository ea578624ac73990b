/** What the aggregator takes of a silo's scores: at its time only, and of the split that the silo registered. */
import { plural } from "../../plural.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { checkHistogram } from "../maths/histogram.ts";
import type { Scores, SplitCounts } from "../protocol/messages.ts";
import type { Run } from "./run.ts";
import { checkSteps } from "../maths/skipped.ts";
import { stepsOf } from "../maths/stretch.ts";

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
  const known = test === undefined ? run.state.scores.get(round)?.[silo] : run.state.tests[silo];
  if (JSON.stringify(known) === JSON.stringify(scores)) return;
  checkTime(run, silo, scores);
  const { val, test: tested } = run.state.joined.get(silo)!.splits;
  if (test === undefined) {
    const { positives, negatives } = scores;
    checkCounts("val", val, { positives, negatives, images: positives + negatives });
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
}

/** `val` until the round's or the run's scores are in, `test` once there is a selected model. */
function checkTime(run: Run, silo: string, { round, test }: Scores): void {
  const { phase, selected, state: { rounds, current } } = run;
  const row = phase === "round" ? current?.row : undefined;
  const wanted = test === undefined
    ? row?.roster.includes(silo) || (phase === "closing" && selected === null)
    : phase === "closing" && selected !== null;
  if (wanted && round === rounds + 1) return;
  // A run that has just been resumed will be where it was in a moment.
  const later = (phase === "joining" || phase === "round") && round > rounds;
  throw new ProtocolError(later ? "no_round" : "round_closed", {
    expected: test === undefined ? `val scores of round ${rounds + 1}` : "test scores in the closing phase",
    got: `${test === undefined ? "val" : "test"} scores of round ${round} in the phase ${phase}`,
  });
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
  const stretch = run.state.current?.row.silos[silo] ?? { from: 0, to: 0 };
  const { steps } = stepsOf(stretch, { train: run.examples(silo), batch: run.proposal.recipe.batch });
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
