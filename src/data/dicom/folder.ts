/** The films of a folder of DICOM files, whatever their names: what a labels file may call them by. */

import { walk } from "../../files/walk.ts";
import { DataError } from "../quarantine.ts";
import { Dataset, isDicom } from "./dataset.ts";
import { filmHeader } from "./header.ts";

/** A DICOM file, by its path below the folder, and the words by which a hospital knows it. */
export interface NamedFilm {
  path: string;
  sopInstanceUid: string;
  accessionNumber: string;
  patientId: string;
}

/** Bytes within which a header usually ends. */
const HEAD = 64 * 1024;

/** Whether a file is the index of a medium, which names films and is none (PS3.10 section 8.6). */
export function isMediaIndex(path: string): boolean {
  return /(^|[/])DICOMDIR$/.test(path);
}

/**
 * Reads the header of every DICOM file below `folder`. Files of other kinds, and those whose header cannot be read, are
 * no films here.
 */
export async function* namedFilms(
  folder: string,
  options: { signal?: AbortSignal } = {},
): AsyncIterable<NamedFilm> {
  for await (const path of walk(folder)) {
    options.signal?.throwIfAborted();
    const set = isMediaIndex(path) ? null : await headOf(`${folder}/${path}`);
    if (set === null) continue;
    const { sopInstanceUid, accessionNumber, patientId } = filmHeader(set);
    yield { path, sopInstanceUid, accessionNumber, patientId };
  }
}

/** What a file says before its pixels; null where it is not DICOM or cannot be read. */
async function headOf(path: string): Promise<Dataset | null> {
  try {
    using file = await Deno.open(path);
    const head = new Uint8Array(HEAD);
    const bytes = await file.read(head) ?? 0;
    if (!isDicom(head.subarray(0, bytes))) return null;
    const { size } = await file.stat();
    return headerOf(head.subarray(0, bytes)) ?? (size > bytes ? headerOf(await Deno.readFile(path)) : null);
  } catch {
    return null;
  }
}

/** Null where the bytes end before the header does. */
function headerOf(bytes: Uint8Array): Dataset | null {
  try {
    return Dataset.parse(bytes, { header: true });
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  }
}
