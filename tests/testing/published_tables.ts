/**
 * Small hospitals in the published tables' own forms: the columns are those that their publishers list, in that order;
 * names, dates and labels are invented, and every film is of one grey.
 */

import { deepPng, greyPng } from "./png.ts";

/** A hospital in a published form. */
export interface PublishedSet {
  /** Texts by paths: the labels file and those that belong to it. */
  tables: Record<string, string>;
  /** Which of them is the labels file. */
  labels: string;
  /** Paths of its films. */
  films: string[];
  /** The folder that --images names. */
  images: string;
  /** Bits of a grey value. @default 8 */
  bits?: 16;
}

/** Height and width of a film, pixels. */
const SIZE = 16;

/** Writes the hospital into folder `dir`; film `n` is of grey `n`. */
export async function writeSet(dir: string, { tables, films, bits }: PublishedSet): Promise<void> {
  const folders = [...films, ...Object.keys(tables)].map((path) => `${dir}/${path}`.replace(/\/[^/]*$/, ""));
  for (const folder of new Set(folders)) await Deno.mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(tables)) await Deno.writeTextFile(`${dir}/${path}`, text);
  for (const [grey, path] of films.entries()) {
    const film = bits === 16
      ? deepPng(new Uint16Array(SIZE * SIZE).fill(grey * 257), SIZE)
      : greyPng(new Uint8Array(SIZE * SIZE).fill(grey), SIZE);
    await Deno.writeFile(`${dir}/${path}`, film);
  }
}

/** CSV text of rows whose cells are named; a column that a row does not name is empty. */
function csv(
  columns: readonly string[],
  rows: readonly Record<string, string | number | undefined>[],
): string {
  const cell = (value: string | number) => /[",]/.test(`${value}`) ? `"${value}"` : `${value}`;
  const lines = rows.map((row) => columns.map((column) => cell(row[column] ?? "")).join(","));
  return [columns.map(cell).join(","), ...lines].join("\n") + "\n";
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const digits = (n: number, length: number) => String(n).padStart(length, "0");
const isIll = (n: number) => n % 2 === 1;

/** In CheXpert's order. */
const CHEXPERT_LABELS = [
  ...["No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"],
  ...["Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other"],
  ...["Fracture", "Support Devices"],
];

/**
 * 28 rows of 24 patients, odd ones ill: 4 laterals; patients 1 (beside an effusion) and 2 have an uncertain finding,
 * 3 and 4 a device, 5 an opacity alone, 6 no label at all.
 */
export function chexpert(): PublishedSet {
  const root = "CheXpert-v1.0-small";
  const labels: Record<number, Record<string, string>> = {
    1: { "Pleural Effusion": "1.0", "Atelectasis": "-1.0" },
    2: { "Pneumonia": "-1.0", "Pneumothorax": "0.0" },
    3: { "Pleural Effusion": "1.0", "Support Devices": "1.0" },
    4: { "No Finding": "1.0", "Support Devices": "1.0" },
    5: { "Lung Opacity": "1.0" },
    6: {},
  };
  const rows = range(1, 24).flatMap((n) => {
    const folder = `${root}/train/patient${digits(n, 5)}/study1`;
    const row = {
      "Sex": n % 3 ? "Female" : "Male",
      "Age": 20 + 4 * n,
      ...labels[n] ?? (isIll(n) ? { "Cardiomegaly": "1.0" } : { "No Finding": "1.0" }),
    };
    const frontal = { Path: `${folder}/view1_frontal.jpg`, "Frontal/Lateral": "Frontal", "AP/PA": "AP" };
    const lateral = { Path: `${folder}/view2_lateral.jpg`, "Frontal/Lateral": "Lateral" };
    return [{ ...row, ...frontal }, ...n <= 4 ? [{ ...row, ...lateral }] : []];
  });
  const columns = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", ...CHEXPERT_LABELS];
  return {
    tables: { [`${root}/train.csv`]: csv(columns, rows) },
    labels: `${root}/train.csv`,
    films: rows.map(({ Path }) => Path),
    images: root,
  };
}

/** In MIMIC-CXR-JPG's order. */
const MIMIC_LABELS = [...CHEXPERT_LABELS].sort();

/**
 * 24 studies of as many patients, odd ones ill: 1 to 4 have a lateral too, 5 an AP film too, 6 a film of no named view
 * too, 7 an uncertain finding; 1 to 14 are of train, 15 to 18 of validate, the others of test.
 */
export function mimic(): PublishedSet {
  const studies = range(1, 24).map((n) => ({
    subject_id: 10000000 + 37 * n,
    study_id: 50000000 + 91 * n,
    ...(n === 7 ? { "Edema": "-1.0" } : isIll(n) ? { "Edema": "1.0" } : { "No Finding": "1.0" }),
  }));
  const views = (n: number) => ["PA", ...n <= 4 ? ["LATERAL"] : n === 5 ? ["AP"] : n === 6 ? [""] : []];
  const films = studies.flatMap(({ subject_id, study_id }, i) =>
    views(i + 1).map((ViewPosition, k) => ({
      ...{ subject_id, study_id, ViewPosition },
      ...{ dicom_id: `${digits(i + 1, 8)}-0000000${k}`, Rows: 3056, Columns: 2544, StudyDate: 21800506 },
      ...{ StudyTime: 213014.531, split: i < 14 ? "train" : i < 18 ? "validate" : "test" },
    }))
  );
  const metadata = [
    ...["dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition", "Rows"],
    ...["Columns", "StudyDate", "StudyTime", "ProcedureCodeSequence_CodeMeaning"],
    ...["ViewCodeSequence_CodeMeaning", "PatientOrientationCodeSequence_CodeMeaning"],
  ];
  const name = (file: string) => `mimic/mimic-cxr-2.0.0-${file}.csv`;
  return {
    tables: {
      [name("chexpert")]: csv(["subject_id", "study_id", ...MIMIC_LABELS], studies),
      [name("metadata")]: csv(metadata, films),
      [name("split")]: csv(["dicom_id", "study_id", "subject_id", "split"], films),
    },
    labels: name("chexpert"),
    films: films.map(({ subject_id, study_id, dicom_id }) =>
      `mimic/files/p${String(subject_id).slice(0, 2)}/p${subject_id}/s${study_id}/${dicom_id}.jpg`
    ),
    images: "mimic",
  };
}

const PADCHEST_COLUMNS = [
  ...[
    "",
    "ImageID",
    "ImageDir",
    "StudyDate_DICOM",
    "StudyID",
    "PatientID",
    "PatientBirth",
    "PatientSex_DICOM",
  ],
  ...["ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric", "Modality_DICOM"],
  ...["Manufacturer_DICOM", "PhotometricInterpretation_DICOM", "PixelRepresentation_DICOM"],
  ...["PixelAspectRatio_DICOM", "SpatialResolution_DICOM", "BitsStored_DICOM", "WindowCenter_DICOM"],
  ...["WindowWidth_DICOM", "Rows_DICOM", "Columns_DICOM", "XRayTubeCurrent_DICOM", "Exposure_DICOM"],
  ...["ExposureInuAs_DICOM", "ExposureTime", "RelativeXRayExposure_DICOM", "ReportID", "Report"],
  ...["MethodLabel", "Labels", "Localizations", "LabelsLocalizationsBySentence", "labelCUIS"],
  "LocalizationsCUIS",
];

/**
 * 34 rows: 24 patients with a frontal film each, odd ones ill, and of the first ten a film that is left out: 5 laterals,
 * one of the ribs, three that the authors exclude, and one that is only told to be unchanged.
 */
export function padchest(): PublishedSet {
  const labels: Record<number, string> = {
    1: "['infiltrates', 'aortic elongation']",
    2: "['normal', 'unchanged']",
    3: "['pneumonia', ' pleural effusion', '']",
  };
  const frontal = range(1, 24).map((n) => ({
    ...{ n, Projection: n % 4 ? "PA" : "AP_horizontal" },
    Labels: labels[n] ?? (isIll(n) ? "['cardiomegaly']" : "['normal']"),
  }));
  const others = [
    ...range(1, 5).map((n) => ({ n, Projection: "L", Labels: "['cardiomegaly']" })),
    { n: 6, Projection: "COSTAL", Labels: "['rib fracture']" },
    { n: 7, Projection: "EXCLUDE", Labels: "['normal']" },
    { n: 8, Projection: "PA", Labels: "['exclude']" },
    { n: 9, Projection: "PA", Labels: "['suboptimal study', 'normal']" },
    { n: 10, Projection: "PA", Labels: "['unchanged']" },
  ];
  const rows = [...frontal, ...others].map(({ n, ...row }, i) => ({
    "": i,
    ImageID: `2168401113669_${digits(i, 3)}.png`,
    ImageDir: i % 2,
    StudyDate_DICOM: 20150203,
    PatientID: `839860488${digits(n, 3)}`,
    PatientBirth: `${1910 + 4 * n}.0`,
    PatientSex_DICOM: n % 3 ? "F" : "M",
    Pediatric: "No",
    Report: "dolor , tos",
    ...row,
  }));
  return {
    tables: { "padchest/labels.csv": csv(PADCHEST_COLUMNS, rows) },
    labels: "padchest/labels.csv",
    films: rows.map(({ ImageID, ImageDir }) => `padchest/${ImageDir}/${ImageID}`),
    images: "padchest",
    bits: 16,
  };
}

const VINDR_LABELS = [
  ...[
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
  ],
  ...["Edema", "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity", "Lung cavity", "Lung cyst"],
  ...["Mediastinal shift", "Nodule/Mass", "Pleural effusion", "Pleural thickening", "Pneumothorax"],
  ...[
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
    "COPD",
    "Lung tumor",
    "Pneumonia",
    "Tuberculosis",
  ],
  ...["Other diseases", "No finding"],
];

/**
 * Twenty films of three readers: 1 to 9 with an effusion for two of them, 10 with a mass for one alone, 11 to 18 with
 * nothing for all, 19 with something else for each, 20 with something for two, but not the same.
 */
function vindrReadings(): { image: string; reader: string; label: string }[] {
  return range(1, 20).flatMap((n) => {
    const labels = n <= 9
      ? ["Pleural effusion", "Pleural effusion", "Nodule/Mass"]
      : n === 10
      ? ["No finding", "Nodule/Mass", "No finding"]
      : n <= 18
      ? ["No finding", "No finding", "No finding"]
      : [n === 19 ? "COPD" : "No finding", "Nodule/Mass", "Pleural effusion"];
    const image = `${digits(n, 4)}${"c0ffee".repeat(4)}beef`;
    return labels.map((label, k) => ({ image, label, reader: `R${1 + (n + 5 * k) % 17}` }));
  });
}

function vindr(table: string): PublishedSet {
  const ids = [...new Set(vindrReadings().map(({ image }) => image))];
  return {
    tables: { "vindr/labels.csv": table },
    labels: "vindr/labels.csv",
    films: ids.map((id, i) => `vindr/train/${id}.${["png", "jpg", "jpeg", "PNG"][i % 4]}`),
    images: "vindr/train",
  };
}

/** `image_labels_train.csv`: 60 rows. */
export function vindrLabels(): PublishedSet {
  const rows = vindrReadings().map(({ image, reader, label }) => ({
    ...Object.fromEntries(VINDR_LABELS.map((name) => [name, 0])),
    ...{ image_id: image, rad_id: reader, [label]: 1 },
  }));
  return vindr(csv(["image_id", "rad_id", ...VINDR_LABELS], rows));
}

/** The challenge's `train.csv`: 69 rows, the first reader of each effusion has two boxes. */
export function vindrBoxes(): PublishedSet {
  const columns = ["image_id", "class_name", "class_id", "rad_id", "x_min", "y_min", "x_max", "y_max"];
  const rows = vindrReadings().flatMap(({ image, reader, label }, i) => {
    const row = { image_id: image, class_name: label, class_id: VINDR_LABELS.indexOf(label), rad_id: reader };
    const box = label === "No finding" ? {} : { x_min: 691, y_min: 1375, x_max: 1653, y_max: 1831 };
    return Array.from({ length: i < 27 && i % 3 === 0 ? 2 : 1 }, () => ({ ...row, ...box }));
  });
  return vindr(csv(columns, rows));
}

/**
 * 24 rows of twenty films: 1 to 8 with an opacity, even ones with two boxes; 9 to 12 ill without one, the others
 * normal.
 */
export function rsna(): PublishedSet {
  const films = range(1, 20).map((n) => ({
    patientId: `0004cfab-14fd-4e49-80ba-63a80b6b${digits(n, 4)}`,
    Target: n <= 8 ? 1 : 0,
    class: n <= 8 ? "Lung Opacity" : n <= 12 ? "No Lung Opacity / Not Normal" : "Normal",
    ...n <= 8 && { x: "264.0", y: "152.0", width: "213.0", height: "379.0" },
  }));
  const rows = films.flatMap((film, i) => i < 8 && i % 2 === 1 ? [film, film] : [film]);
  return {
    tables: {
      "rsna/stage_2_train_labels.csv": csv(["patientId", "x", "y", "width", "height", "Target"], rows),
      "rsna/stage_2_detailed_class_info.csv": csv(["patientId", "class"], rows),
    },
    labels: "rsna/stage_2_train_labels.csv",
    films: films.map(({ patientId }) => `rsna/stage_2_train_images/${patientId}.png`),
    images: "rsna/stage_2_train_images",
  };
}
