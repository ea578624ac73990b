/** Rows that name films by what their files say become rows that name the files. */

import { plural } from "../../plural.ts";
import type { LabelRow } from "../table.ts";
import { type NamedFilm, namedFilms, type NamedFilmsOptions } from "./folder.ts";

/**
 * The rows with the path of a film each, in their order. A row of a study becomes one for each film of it, in the
 * paths' order; one whose film is not there stays as it is, so that it is missed by name.
 *
 * @param folder that the films lie below
 */
export async function rowsOfFiles(
  rows: readonly LabelRow[],
  folder: string,
  options: NamedFilmsOptions = {},
): Promise<LabelRow[]> {
  const films = await Array.fromAsync(namedFilms(folder, options));
  const instances = Map.groupBy(films, ({ sopInstanceUid }) => sopInstanceUid);
  const accessions = new Set(films.map(({ accessionNumber }) => accessionNumber));
  const studies = Map.groupBy(films, (film) => studyOf(film.accessionNumber, film.patientId));
  return rows.flatMap((row) => {
    const { dicom: { instance, accession, patient } = {} } = row;
    if (instance === undefined && accession === undefined) return [row];
    const found = instance === undefined
      ? studies.get(studyOf(accession!, patient!))
      : instances.get(instance);
    if (found === undefined) {
      const missed = { ...row, patient: patient ?? row.image };
      const other = accession !== undefined && accessions.has(accession);
      return [other ? spoiled(missed, "a study whose files have another PatientID") : missed];
    }
    if (instance === undefined) return found.map((film) => filmRow(row, film));
    const [film] = found;
    return [
      found.length === 1
        ? filmRow(row, film)
        : spoiled(row, `${plural(found.length, "file")} of one SOPInstanceUID`),
    ];
  });
}

const studyOf = (accession: string, patient: string) => JSON.stringify([accession, patient]);

function filmRow(row: LabelRow, { path, patientId }: NamedFilm): LabelRow {
  const named = { ...row, image: path };
  const said = row.dicom?.patient;
  if (said !== undefined && said !== patientId) {
    return spoiled(named, "a film whose file has another PatientID");
  }
  if (patientId === "") return spoiled(named, "a film whose file has no PatientID");
  return { ...named, patient: patientId };
}

function spoiled(row: LabelRow, why: string): LabelRow {
  return { ...row, bad: row.bad === undefined ? why : `${row.bad}; ${why}` };
}
