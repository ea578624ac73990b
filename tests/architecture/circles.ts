/** Where files that name each other lead back to where they began. */

/** Of each file the files that it names → those that lie on a circle, each with a shortest way from it back to itself. */
export function circlesIn(graph: ReadonlyMap<string, readonly (string | null)[]>): string[][] {
  return [...graph.keys()].flatMap((path) => {
    const way = wayRound(path, graph);
    return way === null ? [] : [way];
  });
}

function wayRound(path: string, graph: ReadonlyMap<string, readonly (string | null)[]>): string[] | null {
  const ways: string[][] = [[path]], seen = new Set<string>();
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const next of graph.get(way.at(-1)!) ?? []) {
      if (next === path) return way;
      if (next === null || seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return null;
}
