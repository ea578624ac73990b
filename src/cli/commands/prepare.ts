import { checkFolder } from "../../data/image_folder.ts";
import { findNih } from "../../data/nih.ts";
import { classPatients } from "../../data/class_patients.ts";
import { type PrepareEvent, type PrepareResult, prepareShard } from "../../data/prepare.ts";
import { Shard } from "../../data/shard.ts";
import { Vocabulary } from "../../data/vocabulary.ts";
import type { Context } from "../context.ts";
import type { prepare } from "../options/table/prepare.ts";
import { UsageError } from "../options/usage_error.ts";
import { fewPatients, MORE_PATIENTS } from "../output/few_patients.ts";
import { labelTable, outsiders } from "../output/labels.ts";
import { table } from "../output/table.ts";
import { plural } from "../../plural.ts";

/** Makes a shard of images and their labels. */
export async function run({ values, output, signal }: Context<typeof prepare>): Promise<void> {
  const { images, size, out, salt } = values;
  const labels = values.labels ?? (await checkFolder(images), await findNih(images)).labels;
  if (labels === undefined) {
    throw new UsageError(
      `Cannot run \`fedx prepare\`: expected --labels, or NIH's Data_Entry_2017*.csv in ${images}.`,
    );
  }
  checkNegative(values.negative);
  const result = await prepareShard({
    ...{ images, labels, size, out, salt },
    negative: values.negative,
    maxQuarantine: values["max-quarantine"],
    force: values.force ?? false,
    evaluation: values.evaluation ?? false,
    site: values.site,
    onProgress: (done, total) => output.progress("prepare", done, total),
    onEvent: (event) => describe(event).forEach((line) => output.line(line)),
    signal,
  });
  const few = values.evaluation
    ? []
    : fewPatients(classPatients(await Shard.open(out))).map((text) => `${text}; ${MORE_PATIENTS}`);
  output.clear();
  for (const text of few) output.line(`warning: ${text}`);
  const warnings = [outsiders(result.labels) ?? [], few].flat();
  output.result({ ...result, warnings, shard: out }, report(result, out));
}

/** @throws {UsageError} when a name is one of NIH's findings */
function checkNegative(names: readonly string[] | undefined): void {
  try {
    new Vocabulary(names);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

function report(result: PrepareResult, out: string): string {
  const rows = Object.entries(result.splits).map(([split, count]) => [
    split,
    String(count.images),
    String(count.patients),
    String(count.positives),
  ]);
  return [
    labelTable(result.labels),
    "",
    table(["split", "images", "patients", "with a finding"], rows),
    `${out}: ${plural(result.images, "image")} of ${
      plural(result.patients, "patient")
    }, ${result.positives} with a finding`,
    leftOut(result),
    ...result.evaluation ? ["for evaluation only: nothing trains on it"] : [],
  ].join("\n");
}

const SPLIT_FROM = {
  column: "its column split",
  nih: "NIH's train_val_list.txt and test_list.txt",
  drawn: "a draw by patient",
};

/** Lines for what happened. */
function describe(event: PrepareEvent): string[] {
  switch (event.type) {
    case "sources":
      return [`labels: ${event.labels}; test films by ${SPLIT_FROM[event.split]}`];
    case "labels": {
      const found = outsiders(event.labels);
      return found === null ? [] : [`warning: ${found}`];
    }
    case "exceeded":
      return [
        `unusable already: ${event.out} of ${
          plural(event.rows, "row")
        }, more than --max-quarantine allows; ` +
        "the others are checked too, so that one correction is enough; then it stops",
      ];
    case "resumed":
      return [`goes on from a run that was stopped, with its ${plural(event.films, "film")}`];
    case "restarted":
      return [`starts anew: the films of a run that was stopped had another ${event.because}`];
    case "kept":
      return [
        `what was decoded stays in ${event.dir}: ${plural(event.films, "film")}; ` +
        "the next run of this --out goes on from there if the rows keep their order",
      ];
  }
}

function leftOut({ quarantined, quarantine }: PrepareResult): string {
  if (quarantine === null) return "nothing left out";
  const counts = Object.entries(quarantined).filter(([, count]) => count > 0);
  const list = counts.map(([why, count]) => `${count} ${why}`).join(", ");
  return `left out: ${list}; ${quarantine} says which (it names files: keep it here)`;
}
