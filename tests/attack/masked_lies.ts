/**
 * What an aggregator that lies in a masked run can make up, and a run in which one silo meets it: statements and readies
 * signed with any key that the test has, other rosters, other rows.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { canonicalDigest } from "../../src/files/canonical.ts";
import { rosterDigest } from "../../src/fed/masks/roster_digest.ts";
import { signCanonical } from "../../src/fed/pki/signed.ts";
import { keyDigestOfPem, signStatement } from "../../src/fed/masks/statements.ts";
import { caDigest } from "../../src/fed/pki/issuer.ts";
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type {
  Ready,
  RoundSettings,
  SignedReady,
  SignedStatement,
  Statement,
} from "../../src/fed/protocol/messages.ts";
import { Site } from "../../src/fed/state/site.ts";
import type { Limits } from "../../src/fed/silo/limits.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import {
  killAt,
  Killed,
  MASKED,
  type RoleSpec,
  runRole,
  withFederation,
} from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { type Ask, type Conduct, type Json, type Liar, startLiar } from "./liar.ts";

/** Signs a statement with the certificate and key of a folder. */
export async function stated(statement: Statement, folder: string): Promise<SignedStatement> {
  return signStatement(statement, await readIdentity(folder));
}

/** Signs a ready with the key of a folder. */
export async function readied(ready: Ready, folder: string): Promise<SignedReady> {
  return { ready, signature: signCanonical(ready, (await readIdentity(folder)).key) };
}

/** Pins the keys of all three at silo a's site. */
export async function pinAll(dir: string): Promise<void> {
  using site = await Site.open(`${dir}/site-a`);
  for (const silo of "abc") {
    const { cert, ca } = await readIdentity(`${dir}/tls-${silo}`);
    site.pin(caDigest(ca), { silo, key: keyDigestOfPem(cert) });
  }
}

type Change<T> = (list: T[]) => T[] | Promise<T[]>;

/** Changes what the silos have stated. */
export function withStatements(change: Change<SignedStatement>): Conduct {
  return {
    change: async (answer, { path }) =>
      path === "/v1/roster" ? { statements: await change(answer.statements) } : answer,
  };
}

/** Changes one silo's statement. */
export function withStatement(
  silo: string,
  change: (signed: SignedStatement, all: SignedStatement[]) => SignedStatement | Promise<SignedStatement>,
): Conduct {
  return withStatements((list) =>
    Promise.all(list.map((one) => one.statement.silo === silo ? change(one, list) : one))
  );
}

/** Changes the readies of a round and, so that it fits, the digest in the view. @param from the first such round */
export function withReadies(change: Change<SignedReady>, from = 1): Conduct {
  return {
    change: async (answer, { path }, ask) => {
      if (/\/rounds\/\d+\/roster$/.test(path) && "readies" in answer) {
        return Number(path.split("/")[3]) < from ? answer : { readies: await change(answer.readies) };
      }
      if (!("planId" in answer) || answer.roster === null || answer.row === null || answer.round < from) {
        return answer;
      }
      const { readies } = await ask({ method: "GET", path: `/v1/rounds/${answer.round}/roster` });
      return { ...answer, roster: rosterDigest((await change(readies)).map(({ ready }) => ready)) };
    },
  };
}

/** What is made up of a row that the silo alone is told. */
export interface Told {
  dir: string;
  round: number;
  row: (row: RoundSettings) => RoundSettings;
  /** Whose readies it is told. @default the row's */
  names?: string[];
  /** Changes the ready of another silo, before it is signed. */
  ready?: (ready: Ready) => Ready;
  /** Changes what the silos have stated. */
  statements?: Change<SignedStatement>;
}

/** Tells the silo a row of its own, and for it the readies of all others, each signed with the key of whom it names. */
export function withOwnRow(told: Told): Conduct {
  const { dir, round, row: changeRow, ready: changeReady = (ready) => ready } = told;
  let own: SignedReady | null = null;
  let row: RoundSettings | null = null;
  let readies: SignedReady[] | null = null;
  const statementsOf = async (ask: Ask): Promise<SignedStatement[]> => {
    const { statements } = await ask({ method: "GET", path: "/v1/roster" });
    return await (told.statements ?? ((list) => list))(statements);
  };
  const makeUp = async (plan: string, ask: Ask): Promise<SignedReady[]> => {
    const statements = await statementsOf(ask);
    const names = told.names ?? row!.roster;
    return await Promise.all(names.map((silo) => {
      if (silo === own!.ready.silo) return own!;
      const publicKey = statements.find(({ statement }) => statement.silo === silo)?.statement.publicKey ??
        "ab".repeat(32);
      const ready = changeReady({
        ...{ type: "fedx ready", version: 1, run: row!.run, plan, row: canonicalDigest(row) } as const,
        ...{ silo, publicKey, examples: 96, nonce: "0".repeat(32) },
      });
      return readied(ready, `${dir}/tls-${silo}`);
    }));
  };
  return {
    stand: (said) => {
      const { method, path, body } = said;
      if (method === "POST" && path === `/v1/rounds/${round}/ready`) {
        own = JSON.parse(body);
        return { status: 200, json: { received: true } };
      }
      if (path === `/v1/rounds/${round}/roster`) return { status: 200, json: { readies } };
    },
    change: async (answer: Json, { path }, ask) => {
      if (path === "/v1/roster") return { statements: await statementsOf(ask) };
      if (!("planId" in answer) || answer.row?.round !== round) return answer;
      row = changeRow(answer.row);
      if (own?.ready.row !== canonicalDigest(row)) return { ...answer, row, roster: null };
      readies ??= await makeUp(answer.planId, ask);
      return { ...answer, row, roster: rosterDigest(readies.map(({ ready }) => ready)) };
    },
  };
}

/** One lying aggregator, and what the silo says to it. */
export interface Double {
  /** How it lies, in a run whose certificates lie in `dir`. */
  lies: (dir: string) => Conduct | Promise<Conduct>;
  code: string;
  refusal: RegExp;
  /** The points at which the silo is killed first, and how it is treated until then. @default honestly */
  killedAt?: string[];
  until?: (dir: string, life: number) => Conduct | Promise<Conduct>;
  /** @default 1 round of a, b and c, with no change of the roster */
  spec?: Partial<RoleSpec>;
  /** Silos of the proposal that never come: certificates they have. */
  absent?: string[];
  /** What the silo's operator accepts. */
  accept?: Limits;
  /** What the silo's operator does before it is told the truth. @default nothing */
  relief?: (dir: string) => Promise<void>;
  /** Rounds whose masked updates the silo has sent before. @default none */
  sent?: number[];
  /** Whether the same state goes on with the honest aggregator, or the double is tried unarmed in a run of its own. @default true */
  goesOn?: boolean;
}

/** Announcements of updates that a liar has heard, parsed. */
export function announced(liar: Liar): Json[] {
  return liar.said.filter(({ method, path }) => method === "POST" && path.endsWith("/update"))
    .map(({ body }) => JSON.parse(body));
}

/** Rounds of which a liar has heard a byte of an update. */
function roundsSent(liar: Liar): number[] {
  const paths = liar.said.filter(({ path }) => /\/update(\?|$)/.test(path)).map(({ path }) => path);
  return [...new Set(paths.map((path) => Number(path.split("/")[3])))];
}

/** A test for each double; runs of the same settings end with the same models, whatever was lied in between. */
export function meetAll(doubles: Record<string, Double>): void {
  const ends = new Map<string, string>();
  for (const [what, double] of Object.entries(doubles)) {
    Deno.test(`a lying aggregator: ${what}`, async () => {
      const settings = JSON.stringify([double.spec, double.absent]);
      const { last_sha256 } = await meet(double);
      assertEquals(last_sha256, ends.get(settings) ?? last_sha256);
      ends.set(settings, last_sha256);
    });
  }
}

/** Silo a meets the double, is told the truth when it is started again, and the run completes; returns its result. */
async function meet(double: Double): Promise<AggregatorResult> {
  const armed = await run(double, true);
  return double.goesOn === false ? await run(double, false) as AggregatorResult : armed!;
}

/** Starts an aggregator, and resolves when it listens: nobody else takes its port from then on. */
export async function listening(
  spec: Omit<RoleSpec, "role">,
  { signal, onEvent = () => {} }: { signal?: AbortSignal; onEvent?: (event: FedEvent) => void } = {},
): Promise<{ result: Promise<AggregatorResult> }> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const tell = (event: FedEvent) => {
    if (event.type === "listening") resolve();
    onEvent(event);
  };
  const told = { signal, onEvent: tell };
  const result = runRole({ ...spec, role: "aggregator" }, told) as Promise<AggregatorResult>;
  result.catch(reject);
  await promise;
  return { result };
}

async function run(double: Double, armed: boolean): Promise<AggregatorResult | null> {
  const { spec: changes, absent = [], accept } = double;
  const silos = changes?.proposal?.silos ?? ["a", "b", "c"];
  let result: AggregatorResult | null = null;
  await withFederation(async (dir) => {
    const proposal = { ...MASKED, masked: { minCohort: 3, rosterChanges: 0 }, ...changes?.proposal };
    const spec = { dir, port: freePort(), rounds: 1, ...changes, proposal };
    const stop = new AbortController();
    const hub = await listening(spec, { signal: stop.signal });
    const others = silos.filter((name) => name !== "a" && !absent.includes(name));
    const roles = Promise.allSettled([
      hub.result,
      ...others.map((role) => runRole({ ...spec, role }, { signal: stop.signal })),
    ]);
    await using liar = await startLiar({ dir, port: spec.port, silo: "a", wait: 0.3 });
    const a = { ...spec, port: liar.port, role: "a" };
    try {
      if (armed) await refuses(double, { dir, liar, a });
      if (armed && double.goesOn === false) return;
      liar.conduct = {};
      await double.relief?.(dir);
      await runRole(a, { accept });
      result = await hub.result;
      await roles;
    } finally {
      stop.abort(new Error("the test is over"));
      await roles;
    }
  }, silos);
  return result;
}

async function refuses(
  double: Double,
  { dir, liar, a }: { dir: string; liar: Liar; a: RoleSpec },
): Promise<void> {
  const { killedAt = [], until = () => ({}), accept } = double;
  for (const [life, point] of killedAt.entries()) {
    liar.conduct = await until(dir, life);
    await assertRejects(() => runRole(a, { accept, onFault: killAt(point) }), Killed);
  }
  liar.conduct = await double.lies(dir);
  const error = await assertRejects(() => runRole(a, { accept }), ProtocolError);
  assertEquals(error.code, double.code, error.message);
  assertMatch(error.message, double.refusal);
  assertMatch(error.message, /remedy: /);
  assertEquals(roundsSent(liar), double.sent ?? [], "masked bytes");
  assert(announced(liar).every(({ encoding }) => encoding === 2), "an update that is not masked");
}
