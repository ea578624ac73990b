import { DataSet } from "../../src/model/data_set.ts";
import type { Libraries } from "../../src/model/engine.ts";

/** Films whose class shows: every other one has label 1 and is striped. */
export async function stripedFilms(
  libraries: Libraries,
  { films, size }: { films: number; size: number },
): Promise<DataSet> {
  const data = await DataSet.create(libraries, { n: films, size });
  const pixels = Uint8Array.from({ length: films * size * size }, (_, i) => {
    const film = Math.floor(i / (size * size));
    return 60 + (i * 31 + film * 17) % 50 + (film % 2) * 90 * (i >> 2 & 1);
  });
  await data.put(0, pixels);
  data.labels(0, Uint8Array.from({ length: films }, (_, i) => i % 2));
  return data;
}
