import { checkFolder } from "../../data/image_folder.ts";
import { findNih } from "../../data/nih.ts";
import { type PrepareEvent, type PrepareResult, prepareShard } from "../../data/prepare.ts";
import type { Context } from "../context.ts";
import type { prepare } from "../options/table/prepare.ts";
import { UsageError } from "../options/usage_error.ts";
import { table } from "../output/table.ts";

/** Makes a shard of images and their labels. */
export async function run({ values, output, signal }: Context<typeof prepare>): Promise<void> {
  const { images, size, out, salt } = values;
  const labels = values.labels ?? (await checkFolder(images), await findNih(images)).labels;
  if (labels === undefined) {
    throw new UsageError(
      `Cannot run \`fedx prepare\`: expected --labels, or NIH's Data_Entry_2017*.csv in ${images}.`,
    );
  }
  const result = await prepareShard({
    ...{ images, labels, size, out, salt },
    maxQuarantine: values["max-quarantine"],
    force: values.force ?? false,
    onProgress: (done, total) => output.progress("prepare", done, total),
    onEvent: (event) => output.line(describe(event)),
    signal,
  });
  const rows = Object.entries(result.splits).map(([split, count]) => [
    split,
    String(count.images),
    String(count.patients),
    String(count.positives),
  ]);
  output.result(
    { ...result, shard: values.out },
    [
      table(["split", "images", "patients", "with a finding"], rows),
      `${values.out}: ${result.images} images of ${result.patients} patients, ${result.positives} with a finding`,
      leftOut(result),
    ].join("\n"),
  );
}

const SPLIT_FROM = {
  column: "its column split",
  nih: "NIH's train_val_list.txt and test_list.txt",
  drawn: "a draw by patient",
};

/** One line for what happened. */
function describe(event: PrepareEvent): string {
  switch (event.type) {
    case "sources":
      return `labels: ${event.labels}; test films by ${SPLIT_FROM[event.split]}`;
    case "resumed":
      return `goes on from a run that was stopped, with its ${event.films} films`;
    case "restarted":
      return `starts anew: the films of a run that was stopped had another ${event.because}`;
    case "kept":
      return `${event.films} decoded films stay in ${event.dir}; the next run of this --out goes on from there`;
  }
}

function leftOut({ quarantined, quarantine }: PrepareResult): string {
  if (quarantine === null) return "nothing left out";
  const counts = Object.entries(quarantined).filter(([, count]) => count > 0);
  const list = counts.map(([why, count]) => `${count} ${why}`).join(", ");
  return `left out: ${list}; ${quarantine} says which (it names files: keep it here)`;
}
