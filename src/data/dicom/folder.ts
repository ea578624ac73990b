/** The films of a folder of DICOM files, whatever their names: what a labels file may call them by. */

import { walk } from "../../files/walk.ts";
import { readAt } from "../../files/whole.ts";
import { DataError } from "../quarantine.ts";
import { Dataset, isDicom, PIXELS } from "./dataset.ts";
import { filmHeader } from "./header.ts";

/** A DICOM file, by its path below the folder, and the words by which a hospital knows it. */
export interface NamedFilm {
  path: string;
  sopInstanceUid: string;
  accessionNumber: string;
  patientId: string;
}

/** Bytes that are read of a file until its header is whole: most need the first, and no film more than the last. */
const HEADS = [2 ** 16, 2 ** 22, 2 ** 26];

/** Whether a file is the index of a medium, which names films and is none (PS3.10 section 8.6). */
export function isMediaIndex(path: string): boolean {
  return /(^|[/])DICOMDIR$/.test(path);
}

/** What is heard on the way. */
export interface NamedFilmsOptions {
  /** A file or folder that cannot be read, and is passed over. */
  onUnreadable?: (what: "file" | "folder") => void;
  signal?: AbortSignal;
}

/**
 * Reads the header of every DICOM file below `folder`. Files of other kinds, and those whose header is damaged, are no
 * films here.
 *
 * @throws {Error} when `folder` cannot be read
 */
export async function* namedFilms(
  folder: string,
  { signal, onUnreadable = () => {} }: NamedFilmsOptions = {},
): AsyncIterable<NamedFilm> {
  for await (const path of walk(folder, { onUnreadable: () => onUnreadable("folder") })) {
    signal?.throwIfAborted();
    if (isMediaIndex(path)) continue;
    const set = await headOf(`${folder}/${path}`).catch(() => onUnreadable("file"));
    if (!set) continue;
    const { sopInstanceUid, accessionNumber, patientId } = filmHeader(set);
    yield { path, sopInstanceUid, accessionNumber, patientId };
  }
}

/** What a file says before its pixels; null where it is not DICOM or is damaged. @throws {Error} when it cannot be read */
async function headOf(path: string): Promise<Dataset | null> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  for (const most of HEADS) {
    const head = new Uint8Array(Math.min(most, size));
    await readAt(file, 0, head);
    if (!isDicom(head)) return null;
    const set = headerOf(head);
    // A parser may take a sequence that is cut off for one that ends.
    if (head.length === size || set?.has(PIXELS)) return set;
  }
  return null;
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
