/** Logs that somebody has edited, with the role's key or without. */
import { assert } from "@std/assert";
import {
  bytesIn as bytes,
  bytesOf,
  firstChanged,
  linesIn,
  rebuilt,
  reportOf as logOf,
  ROLES,
  twoRuns,
  verifying,
} from "../../testing/audited_run.ts";
import { seeded } from "../../testing/random.ts";

const [run, other] = await twoRuns(4);
const verify = verifying(run);

/** One change of a log; null where it changes nothing. */
type Edit = (
  lines: string[],
  at: number,
  random: (below: number) => number,
  path: string,
) => string[] | Uint8Array;

const EDITS: Record<string, Edit> = {
  flip(lines, at, random) {
    const all = bytesOf(lines);
    const start = bytesOf(lines.slice(0, at)).length;
    all[start + random(bytesOf([lines[at]]).length)] ^= 1 << random(8);
    return all;
  },
  cut: (lines, at, random) => bytesOf(lines.slice(0, at + 1)).slice(0, -1 - random(lines[at].length)),
  drop: (lines, at, random) => lines.toSpliced(at, 1 + random(9)),
  reorder(lines, at, random) {
    const to = (at + 1 + random(lines.length - 1)) % lines.length;
    return lines.with(at, lines[to]).with(to, lines[at]);
  },
  duplicate: (lines, at, random) => lines.toSpliced(at + random(5), 0, lines[at]),
  splice: (lines, at, random, path) => {
    const there = linesIn(bytes(other, path));
    return lines.toSpliced(
      at,
      random(2) === 0 ? lines.length : 1 + random(5),
      ...there.slice(at, at + 1 + random(40)),
    );
  },
  rebuild: (lines, at, random, path) => rebuilt(changed(lines, at, random), run.identities.get(path)!),
  /** Without the key: the links alone. */
  relink: (lines, at, random) => rebuilt(changed(lines, at, random), null),
  /** Links made anew for a while only. */
  partly(lines, at, random) {
    const anew = rebuilt(lines.with(at, changed(lines, at, () => 1)[at]), null);
    const end = at + 1 + random(4);
    return [...anew.slice(0, end), ...lines.slice(end)];
  },
  swapRuns: (_lines, _at, _random, path) => linesIn(bytes(other, path)),
};

function changed(lines: string[], at: number, random: (below: number) => number): string[] {
  if (random(2) === 0) return lines.toSpliced(at, 1);
  return lines.with(at, JSON.stringify({ ...JSON.parse(lines[at]), time: "2026-01-01T00:00:00.000Z" }));
}

Deno.test("1,000 random edits up to the last head that another folder holds are found at or before their line; later ones are not covered", () => {
  const next = seeded(17);
  const random = (below: number) => Math.floor(next() * below);
  const clean = verify();
  const seen: Record<string, [covered: number, open: number]> = {};
  for (let done = 0; done < 1000;) {
    const path = ROLES[random(4)];
    const kind = Object.keys(EDITS)[random(Object.keys(EDITS).length)];
    const lines = linesIn(bytes(run, path));
    const made = EDITS[kind](lines, random(lines.length), random, path);
    const now = made instanceof Uint8Array ? made : bytesOf(made);
    const line = firstChanged(lines, now);
    if (line === 0) continue;
    done++;
    const { held } = logOf(clean, path);
    const report = verify({ [path]: now });
    const fault = report.faults.find((one) => one.path === path);
    const count = seen[kind] ??= [0, 0];
    count[line <= held ? 0 : 1]++;
    if (line <= held) {
      assert(!report.ok && fault !== undefined, `${kind} of ${path} in line ${line} is not found`);
      // Where links were made anew up to there, no line before it can be told from one that was not changed.
      const told = kind === "partly" ? line + 4 : line;
      assert(fault.line <= told, `${kind} of ${path} in line ${line} is told of line ${fault.line}`);
      assert(fault.proven < line, `line ${line} is said to be proven`);
    } else {
      const log = logOf(report, path);
      assert(
        log.held < line && log.not_covered >= log.lines - held,
        `${kind} in line ${line} counts as covered`,
      );
      // Whoever holds the key is not seen beyond the last head: that is what “not covered” says.
      if (kind === "rebuild") assert(fault === undefined || fault.line >= held, fault?.expected);
    }
  }
  for (const kind of Object.keys(EDITS)) assert(seen[kind][0] >= 30, `${kind}: ${seen[kind]}`);
  assert(seen.rebuild[1] > 0 && seen.flip[1] > 0);
});
