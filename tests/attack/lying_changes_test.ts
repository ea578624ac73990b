/**
 * Aggregators that have a silo of a masked run mask for other silos than before once no change of the roster is left: by
 * loss, return and swap, and behind its back. Each is refused before a masked byte leaves the silo.
 */
import { newMaskKeys } from "../../src/fed/masks/key_pair.ts";
import type { RoundSettings, RunView, SignedStatement } from "../../src/fed/protocol/messages.ts";
import type { Conduct } from "./liar.ts";
import { type Double, meetAll, stated, withOwnRow } from "./masked_lies.ts";

const FOUR = ["a", "b", "c", "d"];
/** d is invited and never comes: the run begins without it. */
const WITHOUT_D: Pick<Double, "spec" | "absent"> = {
  spec: { rounds: 2, proposal: { silos: FOUR, joinTimeout: 3 } },
  absent: ["d"],
};

/** A row for these silos, each with a's stretch. */
const rowFor = (names: string[]) => (row: RoundSettings): RoundSettings => ({
  ...row,
  roster: names,
  silos: Object.fromEntries(names.map((name) => [name, row.silos.a])),
});

/** Has d, whose key is here, state something. */
const withD = (dir: string) => {
  const keys = newMaskKeys();
  return async (list: SignedStatement[]) => {
    const { publicKey } = await keys;
    return [...list, await stated({ ...list[0].statement, silo: "d", publicKey }, `${dir}/tls-d`)];
  };
};

/** The silo sees nothing of round `hidden`, which goes on without it, and is told to mask for all four in the next one. */
function backAgain(dir: string, hidden: number): Conduct {
  const row = (row: RoundSettings) => {
    const stretch = { from: hidden - 1, to: hidden };
    return { ...row, roster: FOUR, silos: Object.fromEntries(FOUR.map((name) => [name, stretch])) };
  };
  const told = withOwnRow({ dir, round: hidden + 1, row });
  let shown: RunView | null = null;
  return {
    stand: (said, ask) =>
      said.path.endsWith("/scores") ? { status: 200, json: { received: true } } : told.stand!(said, ask),
    change: async (answer, said, ask) => {
      if (!("planId" in answer)) return await told.change!(answer, said, ask);
      if (answer.row?.round === hidden) return { ...answer, row: null, roster: null };
      if (answer.row?.round === hidden + 1) shown ??= answer; // the others do not wait for it
      return await told.change!(shown ?? answer, said, ask);
    },
  };
}

/** Rounds of four silos that go on without one that is not ready within seconds. */
const impatient = (rounds: number, rosterChanges: number): Double["spec"] => ({
  rounds,
  delay: 0.5,
  proposal: { silos: FOUR, quorum: 3, roundTimeout: 3, masked: { minCohort: 3, rosterChanges } },
});

const DOUBLES: Record<string, Double> = {
  "a loss when no change is left": {
    lies: (dir) => withOwnRow({ dir, round: 2, row: (row) => row, names: ["a", "b", "c"] }),
    spec: { rounds: 2, proposal: { silos: FOUR } },
    code: "roster_refused",
    refusal: /a, b, c, d again, after 0 changes of the roster, got a, b, c /,
    sent: [1],
    goesOn: false,
  },
  "a late joiner when no change is left": {
    ...WITHOUT_D,
    lies: (dir) => withOwnRow({ dir, round: 2, row: rowFor(FOUR), statements: withD(dir) }),
    code: "roster_refused",
    refusal: /a, b, c again, after 0 changes of the roster, got a, b, c, d /,
    sent: [1],
    goesOn: false,
  },
  "a swap when no change is left": {
    ...WITHOUT_D,
    lies: (dir) => withOwnRow({ dir, round: 2, row: rowFor(["a", "b", "d"]), statements: withD(dir) }),
    code: "roster_refused",
    refusal: /a, b, c again, after 0 changes of the roster, got a, b, d /,
    sent: [1],
    goesOn: false,
  },
  "a first roster after a round without the silo, when no change is left": {
    lies: (dir) => backAgain(dir, 1),
    spec: impatient(2, 0),
    code: "roster_refused",
    refusal:
      /the silos of the round before again, after 0 changes of the roster, got a, b, c, d, after a round without/,
    goesOn: false,
  },
  "the same roster again after a round without the silo, which are two changes": {
    lies: (dir) => backAgain(dir, 2),
    spec: impatient(3, 1),
    code: "roster_refused",
    refusal: /again, after 1 change of the roster, got a, b, c, d, after a round without this silo/,
    sent: [1],
    goesOn: false,
  },
};

meetAll(DOUBLES);
