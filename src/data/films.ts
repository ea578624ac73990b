/** Jobs become films on disk: found, decoded a few at a time beside the main thread, and staged in the jobs' order. */

import type { DicomFilm, FilmReader, ReadFilm, ReadOptions } from "./film_reader.ts";
import type { ImageFolder, ImageSource } from "./image_folder.ts";
import type { Job } from "./jobs.ts";
import { DataError } from "./quarantine.ts";
import type { Staging } from "./staging.ts";

/** Decodes at work at once; each holds one film. */
const IN_FLIGHT = navigator.hardwareConcurrency + 2;

/** What came of a job: the SHA-256 of its staged pixels, or why there are none. */
export interface Outcome {
  job: Job;
  digest: string | DataError;
  /** Of a DICOM file. */
  dicom?: DicomFilm;
}

/** Decodes every job that is not staged yet, and yields what came of each in the jobs' order. */
export async function* stageFilms(
  jobs: Iterable<Job>,
  options: { folder: ImageFolder; staging: Staging; reader: FilmReader } & ReadOptions,
): AsyncIterable<Outcome> {
  const { folder, staging, reader, size, jpeg2000 } = options;
  const find = async (job: Job): Promise<Outcome | Decoded> => {
    try {
      const source = await folder.locate(job.image);
      const held = staging.held(job.index, source);
      return held
        ? { job, ...held }
        : { job, source, film: await reader.read(source.path, { size, jpeg2000 }) };
    } catch (error) {
      if (error instanceof DataError) return { job, digest: error };
      throw error;
    }
  };
  for await (const found of inOrder(jobs, find)) {
    if ("digest" in found) yield found;
    else {
      const { job, source, film } = found;
      yield { job, digest: staging.put(job.index, source, film), dicom: film.dicom };
    }
  }
}

/** A film on its way to the staging. */
interface Decoded {
  job: Job;
  source: ImageSource;
  film: ReadFilm;
}

/** Runs `work` on a few items at once and yields the results in the items' order. */
async function* inOrder<T, R>(items: Iterable<T>, work: (item: T) => Promise<R>): AsyncIterable<R> {
  const running: Promise<R>[] = [];
  try {
    for (const item of items) {
      running.push(work(item));
      if (running.length >= IN_FLIGHT) yield await running.shift()!;
    }
    while (running.length) yield await running.shift()!;
  } finally {
    await Promise.allSettled(running);
  }
}
