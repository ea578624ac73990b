/** How a shard's DICOM files were read, counted: what an auditor asks for, and nothing of any one film. */

import type { DicomFilm } from "./film_reader.ts";
import type { ShardSources } from "./manifest.ts";

/** Films of a shard that came from DICOM files. */
export type DicomCount = NonNullable<ShardSources["dicom"]>;

/** Null where there is no such film. */
export function countDicom(films: readonly DicomFilm[]): DicomCount | null {
  if (films.length === 0) return null;
  return {
    films: films.length,
    modalities: tally(films.map(({ modality }) => modality)),
    syntaxes: tally(films.map(({ syntax }) => syntax)),
    windowing: tally(films.map(({ windowing }) => windowing)),
    inverted: films.filter(({ inverted }) => inverted).length,
    describedViews: films.filter(({ describedView }) => describedView).length,
  };
}

/** How often each word occurs, the commonest first. */
function tally(words: readonly string[]): Record<string, number> {
  const counts = [...Map.groupBy(words, (word) => word)].map(([word, all]) => [word, all.length] as const);
  return Object.fromEntries(counts.toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}
