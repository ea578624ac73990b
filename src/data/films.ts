/** Jobs become films on disk: found, decoded a few at a time beside the main thread, and staged in the jobs' order. */

import { decodeImage } from "./decode.ts";
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
}

/** Decodes every job that is not staged yet, and yields what came of each in the jobs' order. */
export async function* stageFilms(
  jobs: Iterable<Job>,
  options: { folder: ImageFolder; staging: Staging; size: number },
): AsyncIterable<Outcome> {
  const { folder, staging, size } = options;
  const find = async (job: Job): Promise<Outcome | Decoded> => {
    try {
      const source = await folder.locate(job.image);
      const digest = staging.held(job.index, source);
      return digest ? { job, digest } : { job, source, pixels: await decodeImage(source.path, { size }) };
    } catch (error) {
      if (error instanceof DataError) return { job, digest: error };
      throw error;
    }
  };
  for await (const found of inOrder(jobs, find)) {
    if ("digest" in found) yield found;
    else yield { job: found.job, digest: staging.put(found.job.index, found.source, found.pixels) };
  }
}

/** Pixels on their way to the staging: (size, size) u8. */
interface Decoded {
  job: Job;
  source: ImageSource;
  pixels: Uint8Array;
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
