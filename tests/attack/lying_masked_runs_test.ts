/**
 * Aggregators that lie to a silo about the masked run as a whole: that its sums are large enough, that updates are masked
 * at all, and which weights they are the change of. Each is refused before a masked byte leaves the silo.
 */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { Proposal } from "../../src/fed/protocol/messages.ts";
import { MASKED, runFederation, runRole, withFederation } from "../testing/fake_federation.ts";
import { startVector, TINY } from "../testing/fake_trainer.ts";
import { freePort } from "../testing/free_port.ts";
import { answerOf } from "../../src/fed/wire/exchange.ts";
import { digest } from "../../src/files/digest.ts";
import { type Conduct, startLiar } from "./liar.ts";
import { type Double, listening, meetAll, pinAll, withOwnRow } from "./masked_lies.ts";

const FOUR = ["a", "b", "c", "d"];

/** Changes the proposal in every view. */
const proposing = (change: (proposal: Proposal) => Partial<Proposal>): Conduct => ({
  change: (answer) =>
    "planId" in answer ? { ...answer, proposal: { ...answer.proposal, ...change(answer.proposal) } } : answer,
});

const refusing = (code: "no_statement" | "other_layout", expected: string) =>
  answerOf(new ProtocolError(code, { expected, got: "another" }));

/** In round 2 the silo is told the start again, with other silos. */
async function startAgain(dir: string): Promise<Conduct> {
  const start = startVector(TINY);
  const sha256 = digest(start);
  const path = `${dir}/start.f32`;
  await Deno.writeFile(path, new Uint8Array(start.buffer));
  const names = ["a", "b", "c"];
  const told = withOwnRow({
    ...{ dir, round: 2 },
    row: (row) => ({
      ...row,
      base: sha256,
      roster: names,
      silos: Object.fromEntries(names.map((name) => [name, row.silos.a])),
    }),
  });
  const { byteLength } = start;
  return {
    ...told,
    stand: (said, ask) =>
      said.path === "/v1/rounds/1/model"
        ? { status: 206, file: { path, first: 0, length: byteLength, total: byteLength, sha256 } }
        : told.stand!(said, ask),
  };
}

const DOUBLES: Record<string, Double> = {
  "a quorum below the cohort": {
    lies: () => proposing(() => ({ quorum: 2 })),
    code: "bad_proposal",
    refusal: /a --quorum of at least 3 in a masked run, which sums at least 3/,
  },
  "fewer silos than the cohort": {
    lies: () => proposing(() => ({ silos: ["a", "b"], quorum: 2 })),
    code: "bad_proposal",
    refusal: /at least 3 --silos in a masked run/,
  },
  "a cohort of two": {
    lies: () => proposing(() => ({ masked: { minCohort: 2, rosterChanges: 0 } })),
    code: "bad_answer",
    refusal: />=3 at proposal\.masked\.minCohort, got 2/,
  },
  "an open run where masks are asked for": {
    lies: () => proposing(() => ({ masked: null })),
    accept: { masked: true },
    code: "unmasked_not_accepted",
    refusal: /a masked run by accept\.masked, got one that shows each update/,
  },
  "a run that is open all at once": {
    lies: () => proposing(() => ({ masked: null })),
    killedAt: ["pulled"],
    code: "not_agreed",
    refusal: /the proposal that was accepted, masked.*, got masked/,
  },
  "a smaller cohort than is accepted": {
    lies: () => proposing(() => ({ masked: { minCohort: 3, rosterChanges: 0 } })),
    spec: { proposal: { silos: FOUR, quorum: 4, masked: { minCohort: 4, rosterChanges: 0 } } },
    accept: { minCohort: 4 },
    code: "cohort_not_accepted",
    refusal: /sums of at least 4 silos by accept\.min_cohort, got 3/,
  },
  "more changes of the roster than are accepted": {
    lies: () => proposing(() => ({ masked: { minCohort: 3, rosterChanges: 9 } })),
    accept: { rosterChanges: 0 },
    code: "changes_not_accepted",
    refusal: /at most 0 roster changes by accept\.roster_changes, got 9/,
  },
  "no pinned keys where the CA is not trusted": {
    lies: () => ({}),
    accept: { trustCa: false },
    code: "peers_not_pinned",
    refusal: /a pinned key of every silo of the proposal, by accept\.trust_ca, got none of a, b, c/,
    relief: pinAll,
  },
  "another proposal before the silo has joined": {
    lies: () => ({
      ...proposing(() => ({ seed: 8 })),
      stand: ({ method, path }) => {
        if (method === "POST" && path === "/v1/statement") return { status: 200, json: { received: true } };
        if (method === "POST" && path === "/v1/join") return refusing("no_statement", "a statement");
      },
    }),
    code: "no_statement",
    refusal: /Cannot join a masked run/,
  },
  "an update that is not masked": {
    lies: () => ({
      stand: ({ method, path }) =>
        method === "POST" && path.endsWith("/update") ? refusing("other_layout", "encoding 1") : undefined,
    }),
    code: "other_layout",
    refusal: /expected encoding 1/,
    sent: [1],
  },
  "a roster in a run without masks": {
    lies: () => ({
      change: (answer) =>
        "planId" in answer && answer.row !== null ? { ...answer, roster: "0".repeat(64) } : answer,
    }),
    spec: { proposal: { masked: null } },
    code: "not_agreed",
    refusal: /no roster in a run without masks, got 0{64}/,
  },
  "weights that were masked before with others": {
    lies: startAgain,
    spec: { rounds: 2, proposal: { silos: FOUR, masked: { minCohort: 3, rosterChanges: 1 } } },
    code: "masked_before",
    refusal: /a, b, c, d, for whom a has masked an update of the weights [0-9a-f]{12}… before, got a, b, c /,
    sent: [1],
    goesOn: false,
  },
};

meetAll(DOUBLES);

Deno.test("every first request of a silo lost, and all it ever said of masks repeated after each: the run ends as ever", async () => {
  let expected = "";
  await withFederation(async (dir) => {
    expected = (await runFederation({ dir, rounds: 2, proposal: MASKED })).result.last_sha256;
  });
  await withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 2, proposal: MASKED };
    const hub = await listening(spec);
    await using liar = await startLiar({ ...spec, silo: "a", wait: 0.3 });
    const lost = new Set<string>();
    const spoken: { method: string; path: string; body: unknown }[] = [];
    const answers: string[] = [];
    liar.conduct = {
      stand: ({ method, path, body }) => {
        const [bare] = path.split("?");
        if (/statement|ready|\/update$/.test(bare) && method === "POST") {
          spoken.push({ method, path, body: JSON.parse(body) });
        }
        if (!/statement|ready|roster|\/update$/.test(bare) || lost.has(`${method} ${bare}`)) return undefined;
        lost.add(`${method} ${bare}`);
        return answerOf(new ProtocolError("internal", { expected: "an answer", got: "none" }));
      },
      change: async (answer, { path }, ask) => {
        if (!/statement|ready/.test(path)) return answer;
        for (const one of spoken) answers.push((await ask(one)).code ?? "taken");
        return answer;
      },
    };
    await Promise.all([
      hub.result,
      runRole({ ...spec, port: liar.port, role: "a" }),
      ...["b", "c"].map((role) => runRole({ ...spec, role })),
    ]);
    const { last_sha256 } = await hub.result;
    assertEquals(last_sha256, expected);
    assertEquals(lost.size, 10, [...lost].join()); // of two rounds: ready, roster and two of the update; both of the start
    assertEquals(answers.includes("taken") && answers.includes("round_closed"), true, answers.join());
  });
});

Deno.test("another run from the same start: refused with other silos, whatever its state; the same silos pass", () =>
  withFederation(async (dir) => {
    const proposal = { silos: FOUR, quorum: 3, ...MASKED };
    const first = await runFederation({ dir, rounds: 1, proposal });
    const few = {
      dir,
      port: freePort(),
      rounds: 1,
      suffix: "-few",
      proposal: { ...proposal, silos: ["a", "b", "c"] },
    };
    const stop = new AbortController();
    const hub = runRole({ ...few, role: "aggregator" }, { signal: stop.signal }).catch(() => {});
    const refusals = await Promise.all(
      ["a", "b", "c"].map((role) => assertRejects(() => runRole({ ...few, role }), ProtocolError)),
    );
    stop.abort(new Error("nobody is left"));
    await hub;
    for (const { code, message } of refusals) {
      assertEquals(code, "masked_before");
      assertMatch(
        message,
        /expected a, b, c, d, for whom . has masked .* got a, b, c \(remedy: .*--seed or --init/,
      );
    }
    const again = await runFederation({ dir, rounds: 1, suffix: "-again", proposal });
    assertEquals(again.result.last_sha256, first.result.last_sha256);
  }, FOUR));
