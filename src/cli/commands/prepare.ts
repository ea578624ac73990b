import { checkFolder } from "../../data/image_folder.ts";
import { findNih } from "../../data/nih.ts";
import { classPatients } from "../../data/class_patients.ts";
import { type PrepareEvent, type PrepareResult, prepareShard } from "../../data/prepare.ts";
import { type QuarantineReason, RULES } from "../../data/quarantine.ts";
import type { TableSource } from "../../data/rows.ts";
import { Shard } from "../../data/shard.ts";
import { parseColumns } from "../../data/tables/named_columns.ts";
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
  const { images, size, jpeg2000, out, salt } = values;
  const labels = values.labels ?? (await checkFolder(images), await findNih(images)).labels;
  if (labels === undefined) {
    throw new UsageError(
      `Cannot run \`fedx prepare\`: expected --labels, or NIH's Data_Entry_2017*.csv in ${images}.`,
    );
  }
  usable(() => new Vocabulary(values.negative));
  const result = await prepareShard({
    ...{ images, labels, size, jpeg2000, out, salt },
    negative: values.negative,
    columns: values.columns && usable(() => parseColumns(values.columns!)),
    uncertain: values.uncertain,
    maxQuarantine: values["max-quarantine"],
    force: values.force ?? false,
    evaluation: values.evaluation ?? false,
    site: values.site,
    onProgress: (done, total) => output.progress("prepare", done, total),
    onEvent: (event) => describe(event, images).forEach((line) => output.line(line)),
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

/** What an option's value means. @throws {UsageError} when it means nothing */
function usable<T>(read: () => T): T {
  try {
    return read();
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
    ...dicomLines(result),
    ...leftOut(result),
    ...result.evaluation ? ["for evaluation only: nothing trains on it"] : [],
  ].join("\n");
}

/** How DICOM files were read, if there were any. */
function dicomLines({ dicom }: PrepareResult): string[] {
  if (dicom === null) return [];
  const { films, modalities, syntaxes, windowing, inverted, describedViews } = dicom;
  const by = `${counted(modalities)}; ${counted(syntaxes)}; shown by ${counted(windowing)}` +
    (inverted > 0 ? `, ${inverted} inverted` : "");
  const views = `warning: ${
    plural(describedViews, "view")
  } told by SeriesDescription alone, which is free text`;
  return [`from DICOM: ${plural(films, "film")}, ${by}`, ...describedViews > 0 ? [views] : []];
}

/** The form of the labels file, and what it tells. */
function taken({ table, rows, films, leftOut }: TableSource): string {
  const out = counted(leftOut);
  return `${table}: ${plural(rows, "row")}, ${plural(films, "film")}${out && `, left out by rule ${out}`}`;
}

/** Counts by reason, e.g. `4 lateral_view, 2 uncertain`; empty when all are 0. */
function counted(counts: Record<string, number>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([why, count]) => `${count} ${why}`).join(", ");
}

const SPLIT_FROM = {
  column: "its column split",
  nih: "NIH's train_val_list.txt and test_list.txt",
  mimic: "mimic-cxr-2.0.0-split.csv",
  path: "the folders of their paths",
  drawn: "a draw by patient",
};

/** Lines for what happened. */
function describe(event: PrepareEvent, images: string): string[] {
  switch (event.type) {
    case "sources":
      return [
        `labels: ${event.labels}, read as ${taken(event.source)}; test films by ${SPLIT_FROM[event.split]}`,
      ];
    case "secret":
      return [`patients' ids are hashed with a new secret: keep a copy of ${event.path} in a safe place`];
    case "unreadable": {
      const { files, folders } = event;
      const what = [...folders ? [plural(folders, "folder")] : [], ...files ? [plural(files, "file")] : []];
      return [
        `warning: ${what.join(" and ")} in ${images} cannot be read, so no row finds a film there ` +
        `(find ${images} ! -readable names them)`,
      ];
    }
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

/** What is no film here, whether the table or the film's file tells it, apart from what is to be mended. */
function leftOut({ source, quarantined, quarantine }: PrepareResult): string[] {
  const rules: Record<string, number> = { ...source.leftOut }, unusable: Record<string, number> = {};
  for (const [reason, count] of Object.entries(quarantined)) {
    const into = RULES.has(reason as QuarantineReason) ? rules : unusable;
    into[reason] = (into[reason] ?? 0) + count;
  }
  const [rule, bad] = [rules, unusable].map(counted);
  const lines = [...rule ? [`left out by rule: ${rule}`] : [], ...bad ? [`left out: ${bad}`] : []];
  if (quarantine !== null) {
    const but = counted(source.leftOut) ? ", but for those that the table itself tells" : "";
    lines.push(`${lines.pop()}; ${quarantine} says which${but} (it names files: keep it here)`);
  }
  return lines.length > 0 ? lines : ["nothing left out"];
}
