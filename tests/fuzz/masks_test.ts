/** Mutated statements, readies and rosters: through the parsers, a silo's judgement and the aggregator's handlers. */
import { assert, assertEquals } from "@std/assert";
import { canonical, canonicalDigest } from "../../src/files/canonical.ts";
import { type MaskedBench, statedBy, withMaskedRound } from "../testing/masked_bench.ts";
import { judgeMembers } from "../../src/fed/masks/members.ts";
import { judgeRoster, signReady } from "../../src/fed/masks/readies.ts";
import { issuerOf } from "../../src/fed/pki/issuer.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import {
  ErrorBodySchema,
  parseMessage,
  planId,
  type Roster,
  RosterSchema,
  SignedReadySchema,
  type SignedStatement,
  SignedStatementSchema,
  type Statements,
  StatementsSchema,
} from "../../src/fed/protocol/messages.ts";
import { assertRefusal, campaign, campaignJson, campaignSync, cases } from "./mutate.ts";

/** The whole campaign, 200,000 in all, a tenth of it in CI. */
const COUNTS = { parsed: 120_000, judged: 40_000, handled: 40_000 };
const SILOS = ["a", "b", "c"];
const utf8 = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Good readies of all who stated something. */
function readiesFor(
  { run, row, identities }: Pick<MaskedBench, "run" | "row" | "identities">,
  of: SignedStatement[],
) {
  const plan = run.state.plan!;
  return of.map(({ statement: { silo, publicKey } }) =>
    signReady({ plan, row, silo, publicKey, examples: 96 }, identities[silo].key)
  );
}

Deno.test(`masked runs: ${cases(COUNTS.parsed)} mutated messages are read as what they say, or refused`, () =>
  withMaskedRound(async ({ run, identities, row }) => {
    const statements = await statedBy(run, identities);
    const readies = readiesFor({ run, identities, row }, statements);
    const messages = [
      [StatementsSchema, { statements }],
      [RosterSchema, { readies }],
      [SignedStatementSchema, statements[0]],
      [SignedReadySchema, readies[0]],
    ] as const;
    for (const [schema, value] of messages) {
      const check = (bytes: Uint8Array) => {
        try {
          const message = parseMessage<object>(schema, bytes, { what: "a message", code: "bad_answer" });
          for (const key of Object.keys(message)) assert(key in value, key);
        } catch (error) {
          assertRefusal(error, [ProtocolError]);
          assert((error as Error).message.length < 2000);
        }
      };
      campaignSync([utf8(value)], check, { count: COUNTS.parsed / 8 });
      campaignJson(value, check, { count: COUNTS.parsed / 8 });
    }
  }));

Deno.test(`masked runs: ${cases(COUNTS.judged)} mutated rosters are judged to be the silos' own words, or refused`, () =>
  withMaskedRound(async ({ run, identities, row }) => {
    const plan = run.state.plan!;
    const statements = await statedBy(run, identities);
    const context = {
      run: run.id,
      proposal: canonicalDigest(run.proposal),
      ca: issuerOf(identities.a.ca),
      now: new Date(),
      pins: new Map<string, string>(),
      known: {},
    };
    const { members } = judgeMembers(statements, SILOS, context);
    const readies = readiesFor({ run, identities, row }, statements);
    let taken = 0;
    const attempt = (body: () => void) => {
      try {
        body();
        taken++;
      } catch (error) {
        assertRefusal(error, [ProtocolError]);
      }
    };
    const asStatements = (bytes: Uint8Array) =>
      attempt(() => {
        const told = parseMessage<Statements>(StatementsSchema, bytes, { what: "a", code: "bad_answer" });
        const judged = judgeMembers(told.statements, SILOS, context);
        // Who is left out is no member; whoever is one has said so.
        const said = SILOS.filter((silo) => judged.members.has(silo)).map((silo) =>
          judged.known[silo].signed.statement
        );
        const stated = statements.map(({ statement }) => statement);
        assertEquals(canonical(said), canonical(stated.filter(({ silo }) => judged.members.has(silo))));
      });
    const asRoster = (bytes: Uint8Array) =>
      attempt(() => {
        const told = parseMessage<Roster>(RosterSchema, bytes, { what: "a", code: "bad_answer" });
        const { digest } = judgeRoster(told.readies, { silo: "a", own: readies[0], plan, row, members });
        assertEquals(digest, canonicalDigest(readies.map(({ ready }) => ready)));
      });
    for (const [value, check] of [[{ statements }, asStatements], [{ readies }, asRoster]] as const) {
      check(utf8(value));
      campaignSync([utf8(value)], check, { count: COUNTS.judged / 4 });
      campaignJson(value, check, { count: COUNTS.judged / 4 });
    }
    assert(taken >= 2, "the good ones");
  }));

Deno.test(`handlerOf: ${cases(COUNTS.handled)} hostile statements, readies and masked updates, none of them a failure of its own`, () =>
  withMaskedRound(async ({ run, identities, row, send, events }) => {
    const statements = await statedBy(run, identities);
    const [ready] = readiesFor({ run, identities, row }, statements);
    const start = {
      ...{ run: run.id, round: 1, base: row.base, layout: "2".repeat(64), bytes: 32768, examples: 96 },
      ...{ sha256: "3".repeat(64), encoding: 2, roster: "4".repeat(64), wire: 8 },
    };
    const targets = [
      ["POST /v1/statement", statements[0]],
      ["POST /v1/rounds/1/ready", ready],
      ["POST /v1/rounds/1/update", start],
      ["GET /v1/roster", ready],
      ["GET /v1/rounds/1/roster", ready],
      ["POST /v1/rounds/999999999/ready", ready],
      ["PUT /v1/roster", statements[0]],
    ] as const;
    let turn = 0;
    const refused = new Set<string>();
    for (const [target, sample] of targets) {
      const [method, path] = target.split(" ");
      const check = async (body: Uint8Array) => {
        const answer = await send(["a", "b", "c", "mallory"][turn++ % 4], method, path, body);
        if (answer.status < 400) return;
        const { code, remedy } = parseMessage(ErrorBodySchema, JSON.stringify(answer.json), {
          what: "a refusal",
        });
        refused.add(code);
        assert(answer.status < 500 && code !== "internal" && remedy.length > 3, JSON.stringify(answer.json));
      };
      await campaign([utf8(sample)], check, { count: COUNTS.handled / targets.length });
    }
    for (const code of ["bad_request", "wrong_name", "no_roster", "not_invited", "wrong_method"]) {
      assert(refused.has(code), code);
    }
    assertEquals(
      events.filter((event) => event.type === "warning" && /a request failed/.test(event.text)),
      [],
    );
    assertEquals([run.state.masks.rosters.size, planId(run.state.plan!)], [0, run.view().planId]);
  }));
