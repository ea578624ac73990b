/**
 * Aggregators that lie to a silo of a masked run about who is in a sum: each is refused with its sentence before a masked
 * byte leaves the silo, which goes on when it is told the truth.
 */
import { rosterDigest } from "../../src/fed/masks/roster_digest.ts";
import type { RunView, SignedReady } from "../../src/fed/protocol/messages.ts";
import { withRow, withStretch } from "./deviations.ts";
import type { Conduct } from "./liar.ts";
import { type Double, meetAll, readied, withOwnRow, withReadies } from "./masked_lies.ts";

const FOUR = ["a", "b", "c", "d"];
/** d is invited and never comes: the run begins without it. */
const WITHOUT_D: Pick<Double, "spec" | "absent"> = {
  spec: { rounds: 2, proposal: { silos: FOUR, joinTimeout: 3 } },
  absent: ["d"],
};
const ofB = (change: (signed: SignedReady) => SignedReady | Promise<SignedReady>) =>
  withReadies((list) => Promise.all(list.map((one) => one.ready.silo === "b" ? change(one) : one)));
const signedAnew = (dir: string, fields: Partial<SignedReady["ready"]>) =>
  ofB(({ ready }) => readied({ ...ready, ...fields }, `${dir}/tls-b`));

/** Once the silo's update is counted, it is shown the same round with another roster. */
function secondInOneLife(dir: string): Conduct {
  let first: SignedReady[] | null = null;
  let shown: RunView | null = null;
  let counted = false;
  const second = () =>
    Promise.all(
      first!.map((one) =>
        one.ready.silo === "b" ? readied({ ...one.ready, nonce: "6".repeat(32) }, `${dir}/tls-b`) : one
      ),
    );
  return {
    stand: async ({ path }) =>
      counted && path === "/v1/rounds/1/roster"
        ? { status: 200, json: { readies: await second() } }
        : undefined,
    change: async (answer) => {
      if ("receipt" in answer) counted = true;
      if ("readies" in answer) first = answer.readies;
      if (!("planId" in answer)) return answer;
      if (!counted) return shown = answer;
      return { ...shown, roster: rosterDigest((await second()).map(({ ready }) => ready)) };
    },
  };
}

const DOUBLES: Record<string, Double> = {
  "a roster of two": {
    lies: () => withReadies((list) => list.filter(({ ready }) => ready.silo !== "c")),
    code: "roster_refused",
    refusal: /at least 3 silos in a sum, got a, b /,
  },
  "a ready of another row": {
    lies: (dir) => signedAnew(dir, { row: "0".repeat(64) }),
    code: "roster_refused",
    refusal: /row [0-9a-f]{64} in the ready of b, got 0{64}/,
  },
  "a ready for another plan": {
    lies: (dir) => signedAnew(dir, { plan: "0".repeat(64) }),
    code: "roster_refused",
    refusal: /plan [0-9a-f]{64} in the ready of b, got 0{64}/,
  },
  "a ready of another run": {
    lies: (dir) => signedAnew(dir, { run: "0".repeat(32) }),
    code: "roster_refused",
    refusal: /run [0-9a-f]{32} in the ready of b, got 0{32}/,
  },
  "a ready with another key than was stated": {
    lies: (dir) => signedAnew(dir, { publicKey: "09".repeat(32) }),
    code: "roster_refused",
    refusal: /publicKey [0-9a-f]{64} in the ready of b, got (09){32}/,
  },
  "a ready that another silo signed": {
    lies: (dir) => ofB(({ ready }) => readied({ ...ready, nonce: "1".repeat(32) }, `${dir}/tls-c`)),
    code: "roster_refused",
    refusal: /a ready signed by the key of b's certificate, got another/,
  },
  "a ready with a signature that is none": {
    lies: () => ofB(({ ready }) => ({ ready, signature: "00".repeat(70) })),
    code: "roster_refused",
    refusal: /a ready signed by the key of b's certificate, got another/,
  },
  "readies in another order": {
    lies: () => withReadies((list) => list.toReversed()),
    code: "roster_refused",
    refusal: /each once, in the proposal's order, got c, b, a /,
  },
  "one ready twice": {
    lies: () => withReadies((list) => [list[0], list[1], list[1], list[2]]),
    code: "roster_refused",
    refusal: /each once, in the proposal's order, got a, b, b, c /,
  },
  "the silo's own ready, altered": {
    lies: (dir) =>
      withReadies((list) =>
        Promise.all(
          list.map((one) =>
            one.ready.silo === "a" ? readied({ ...one.ready, nonce: "2".repeat(32) }, `${dir}/tls-a`) : one
          ),
        )
      ),
    code: "roster_refused",
    refusal: /this silo's own ready, as it was sent, got another/,
  },
  "the digest of other readies": {
    lies: () => ({
      change: (answer) =>
        "planId" in answer && answer.roster ? { ...answer, roster: "0".repeat(64) } : answer,
    }),
    code: "roster_refused",
    refusal: /the roster 0{64}, got [0-9a-f]{64}/,
  },
  "a member that was never invited": {
    lies: (dir) =>
      withReadies(async (list) => [
        ...list,
        await readied({ ...list[1].ready, silo: "eve", nonce: "3".repeat(32) }, `${dir}/tls-b`),
      ]),
    code: "roster_refused",
    refusal: /each once, in the proposal's order, got a, b, c, eve /,
  },
  "a member that the row is not for": {
    ...WITHOUT_D,
    lies: (dir) =>
      withReadies(async (list) => [
        ...list,
        await readied({ ...list[1].ready, silo: "d", nonce: "3".repeat(32) }, `${dir}/tls-d`),
      ]),
    code: "roster_refused",
    refusal: /silos of round 1, each once, .* got a, b, c, d /,
  },
  "a row that no other silo was told": {
    lies: (dir) =>
      withOwnRow({
        dir,
        round: 1,
        row: (row) => ({ ...row, scale: { ...row.scale, weights: row.scale.weights - 1 } }),
        ready: (ready) => ({ ...ready, row: "4".repeat(64) }),
      }),
    code: "roster_refused",
    refusal: /row [0-9a-f]{64} in the ready of b, got 4{64}/,
    goesOn: false,
  },
  "a row whose sum is so coarse that only the largest silo's changes are left in it": {
    lies: (dir) =>
      withOwnRow({ dir, round: 1, row: (row) => ({ ...row, scale: { ...row.scale, weights: 0 } }) }),
    code: "roster_refused",
    refusal: /an exponent of 32 to 32 for the weights in round 1, got 0/,
    goesOn: false,
  },
  "a row in which one silo alone has a step": {
    lies: (dir) =>
      withReadies((list) =>
        Promise.all(
          list.map((one) =>
            one.ready.silo === "a"
              ? one
              : readied({ ...one.ready, examples: 1 }, `${dir}/tls-${one.ready.silo}`)
          ),
        )
      ),
    code: "roster_refused",
    refusal: /a step in round 1 for every silo of the roster, or for none, got for a alone/,
  },
  "a row in which two silos alone have a step": {
    lies: (dir) => signedAnew(dir, { examples: 1 }),
    code: "roster_refused",
    refusal: /or for none, got for a, c alone/,
  },
  "a row in which all but one of four have a step": {
    lies: (dir) => signedAnew(dir, { examples: 1 }),
    spec: { proposal: { silos: FOUR } },
    code: "roster_refused",
    refusal: /for every silo of the roster, or for none, got for a, c, d alone/,
  },
  "a stretch outside the plan": {
    lies: () => ({
      change: (answer) =>
        "planId" in answer ? withStretch(answer, 1, ({ from, to }) => ({ from, to: 9 * to })) : answer,
    }),
    code: "not_agreed",
    refusal: /1 passes in round 1, got 9/,
  },
  "a longer stretch for one member": {
    lies: () => ({
      change: (answer) =>
        "planId" in answer
          ? withRow(answer, 1, ({ silos }) => ({ silos: { ...silos, b: { from: 0, to: 2 } } }))
          : answer,
    }),
    code: "not_agreed",
    refusal: /as many passes of b as of a/,
  },
  "a stretch behind the last masked row": {
    lies: () => ({
      change: (answer) => "planId" in answer ? withStretch(answer, 2, () => ({ from: 0, to: 1 })) : answer,
    }),
    spec: { rounds: 2 },
    code: "not_agreed",
    refusal: /a stretch from 1, got 0/,
    sent: [1],
  },
  "another roster for a row that was masked": {
    killedAt: ["masked"],
    lies: (dir) => signedAnew(dir, { nonce: "5".repeat(32) }),
    code: "second_roster",
    refusal: /a, b, c \([0-9a-f]{12}\), got a, b, c \([0-9a-f]{12}\)/,
  },
  "a roster with other members for a row that was masked": {
    killedAt: ["masked"],
    lies: () => withReadies((list) => list.filter(({ ready }) => ready.silo !== "d")),
    spec: { proposal: { silos: FOUR } },
    code: "second_roster",
    refusal: /a, b, c, d \([0-9a-f]{12}\), got a, b, c \([0-9a-f]{12}\)/,
  },
  "a second roster for a row, in one life": {
    lies: secondInOneLife,
    code: "second_roster",
    refusal: /a, b, c \([0-9a-f]{12}\), got a, b, c \([0-9a-f]{12}\)/,
    sent: [1],
    goesOn: false,
  },
};

meetAll(DOUBLES);
