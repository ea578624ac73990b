/**
 * The same picture in two splits: a model would be tested, or chosen, on what it was trained on.
 *
 * Why the digest of the finished film decides: whatever the files' formats and metadata, the network is given equal
 * pixels. Only digests are held, never pixels.
 */

import type { DicomFilm } from "./film_reader.ts";
import type { Job } from "./jobs.ts";
import { SPLITS } from "./manifest.ts";
import { DataError } from "./quarantine.ts";

/** A film and the SHA-256 of its (size, size) u8 pixels. */
export interface Film {
  job: Job;
  digest: string;
  /** Of a DICOM file. */
  dicom?: DicomFilm;
}

/**
 * Why films of train and val cannot stay: their pixels are also those of a film in another split. Copies within one
 * split stay, and so does every film of test.
 */
export function copiesAcrossSplits(films: readonly Film[]): Map<Film, DataError> {
  const first = new Map<string, Partial<Record<Job["assigned"], number>>>();
  for (const { job, digest } of films) {
    const lines = first.get(digest) ?? {};
    lines[job.assigned] ??= job.line;
    first.set(digest, lines);
  }
  const copies = new Map<Film, DataError>();
  for (const film of films) {
    const lines = first.get(film.digest)!;
    const other = SPLITS.findLast((split) => split !== film.job.assigned && lines[split] !== undefined);
    if (film.job.assigned === "test" || other === undefined) continue;
    const detail = `the same pixels as line ${lines[other]}, which is in ${other}`;
    copies.set(film, new DataError("duplicate_pixels_across_splits", detail));
  }
  return copies;
}
