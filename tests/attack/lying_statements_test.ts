/**
 * Aggregators that lie to a silo of a masked run about whose keys it masks with: each is refused with its sentence before
 * a masked byte leaves the silo, which goes on when it is told the truth.
 */
import { newMaskKeys } from "../../src/fed/masks/key_pair.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { revoke } from "../../src/fed/pki/revoke.ts";
import { readCertificate } from "../../src/fed/pki/der_certificate.ts";
import type { SignedStatement, Statement } from "../../src/fed/protocol/messages.ts";
import {
  type Draft,
  draft,
  extensions,
  integer,
  issuerIn,
  make,
  names,
  readDer,
  readKey,
  USAGE,
} from "../testing/certificates.ts";
import { equivalentKey } from "../testing/equivalent_key.ts";
import type { Conduct } from "./liar.ts";
import {
  type Double,
  meetAll,
  pinAll,
  stated,
  withOwnRow,
  withStatement,
  withStatements,
} from "./masked_lies.ts";

const keyOf = (list: SignedStatement[], silo: string) =>
  list.find(({ statement }) => statement.silo === silo)!.statement.publicKey;

/** b's statement with other fields, which b signed. */
const signedByB = (dir: string, fields: (all: SignedStatement[]) => Partial<Statement>) =>
  withStatement("b", ({ statement }, all) => stated({ ...statement, ...fields(all) }, `${dir}/tls-b`));

/** b's statement as the holder of another certificate signs it. */
const certified = async (dir: string, options: Partial<Parameters<typeof issue>[0]>): Promise<Conduct> => {
  await issue({ name: "b", role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-other`, ...options });
  return withStatement("b", ({ statement }) => stated(statement, `${dir}/tls-other`));
};

/** A statement of c with a certificate that the CA made so, and the key of b, which signs it. */
async function certifiedAsC(dir: string, changes: Partial<Draft>): Promise<Conduct> {
  const ofB = await readDer(`${dir}/tls-b/cert.pem`);
  const authority = { name: issuerIn(ofB), key: await readKey(`${dir}/ca/ca-key.pem`) };
  const named = [extensions.usage(USAGE.client), extensions.names(names.uri("urn:fedx:silo:c"))];
  const certificate = make(draft("silo", authority, {
    key: readCertificate(ofB).raw.key,
    extensions: [extensions.constraints, extensions.keyUsage, ...named],
    ...changes,
  }));
  return withStatement("c", async ({ statement }) => ({
    ...await stated(statement, `${dir}/tls-b`),
    certificate: certificate.toHex(),
  }));
}

/** Another key of b for each life, which b's certificate signs. */
function otherKeys(dir: string): Conduct {
  const keys = newMaskKeys();
  return withStatement(
    "b",
    async ({ statement }) => stated({ ...statement, publicKey: (await keys).publicKey }, `${dir}/tls-b`),
  );
}

const refused = { code: "statement_refused" };

const DOUBLES: Record<string, Double> = {
  "a statement with a foreign chain": {
    ...refused,
    lies: async (dir) => {
      await initCa(`${dir}/ca-other`);
      return await certified(dir, { ca: `${dir}/ca-other` });
    },
    refusal: /a certificate of this CA \(CN=fedx CA .*\) from b, got one issued by CN=fedx CA/,
  },
  "a statement with an expired certificate": {
    ...refused,
    lies: (dir) => certified(dir, { lifetime: -60 }),
    refusal: /a certificate that is good on .* from b, got one that expired on/,
  },
  "a statement with an aggregator's certificate": {
    ...refused,
    lies: (dir) => certified(dir, { role: "aggregator" }),
    refusal: /a certificate of the role silo from b, got one of the role aggregator/,
  },
  "a statement with a certificate for another use": {
    ...refused,
    lies: (dir) =>
      certifiedAsC(dir, {
        extensions: [
          ...[extensions.constraints, extensions.keyUsage, extensions.usage(USAGE.server, USAGE.client)],
          extensions.names(names.uri("urn:fedx:silo:c")),
        ],
      }),
    refusal: /a certificate of the role silo from c, got one of another role/,
  },
  "another silo's certificate": {
    ...refused,
    lies: (dir) => withStatement("c", ({ statement }) => stated(statement, `${dir}/tls-b`)),
    refusal: /the certificate of the silo that states it from c, got that of b/,
  },
  "one key under two names": {
    ...refused,
    lies: (dir) => certifiedAsC(dir, {}),
    refusal: /a key and certificate of its own for c, got those of b/,
  },
  "one serial number under two names": {
    ...refused,
    lies: async (dir) => {
      const serial = Uint8Array.fromHex(readCertificate(await readDer(`${dir}/tls-b/cert.pem`)).serial);
      const padded = serial[0] < 0x80 ? serial : Uint8Array.of(0, ...serial);
      await issue({ name: "c", role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-other` });
      const { raw } = readCertificate(await readDer(`${dir}/tls-other/cert.pem`));
      const { change } = await certifiedAsC(dir, { serial: integer(...padded), key: raw.key });
      const signed = withStatement("c", async ({ statement, certificate }) => ({
        ...await stated(statement, `${dir}/tls-other`),
        certificate,
      }));
      return {
        change: async (answer, said, ask) => signed.change!(await change!(answer, said, ask), said, ask),
      };
    },
    refusal: /a key and certificate of its own for c, got those of b/,
  },
  "another silo's public key, not signed": {
    ...refused,
    lies: () =>
      withStatement("b", (one, all) => ({
        ...one,
        statement: { ...one.statement, publicKey: keyOf(all, "c") },
      })),
    refusal: /a statement signed by its certificate's key from b, got another/,
  },
  "a public key of the hub's own": {
    ...refused,
    lies: async () => {
      const { publicKey } = await newMaskKeys();
      return withStatement("b", (one) => ({ ...one, statement: { ...one.statement, publicKey } }));
    },
    refusal: /a statement signed by its certificate's key from b, got another/,
  },
  "a public key of the hub's own, signed by the aggregator": {
    ...refused,
    lies: async (dir) => {
      const { publicKey } = await newMaskKeys();
      return withStatement("b", async ({ statement, certificate }) => ({
        ...await stated({ ...statement, publicKey }, `${dir}/tls-aggregator`),
        certificate,
      }));
    },
    refusal: /a statement signed by its certificate's key from b, got another/,
  },
  "another silo's public key, signed": {
    ...refused,
    lies: (dir) => signedByB(dir, (all) => ({ publicKey: keyOf(all, "c") })),
    refusal: /a key and certificate of its own for c, got those of b/,
  },
  "this silo's own public key under another name": {
    ...refused,
    lies: (dir) => signedByB(dir, (all) => ({ publicKey: keyOf(all, "a") })),
    refusal: /a key and certificate of its own for b, got those of a/,
  },
  "another statement of this silo": {
    ...refused,
    lies: async (dir) => {
      const { publicKey } = await newMaskKeys();
      return withStatement("a", ({ statement }) => stated({ ...statement, publicKey }, `${dir}/tls-a`));
    },
    refusal: /this silo's own statement, got another|a's? .*other keys/,
  },
  "a statement of another run": {
    ...refused,
    lies: (dir) => signedByB(dir, () => ({ run: "0".repeat(32) })),
    refusal: /a statement of run [0-9a-f]{32} from b, got 0{32}/,
  },
  "a statement for another proposal": {
    ...refused,
    lies: (dir) => signedByB(dir, () => ({ proposal: "0".repeat(64) })),
    refusal: /a statement for the proposal [0-9a-f]{64} from b, got 0{64}/,
  },
  "this silo's own statement hidden": {
    ...refused,
    lies: () => withStatements((list) => list.filter(({ statement }) => statement.silo !== "a")),
    refusal: /this silo's own statement, got none/,
  },
  "no statement": {
    code: "roster_refused",
    lies: () => withStatements((list) => list.filter(({ statement }) => statement.silo !== "b")),
    refusal: /a statement of b, got none/,
  },
  "two statements": {
    ...refused,
    lies: () => withStatements((list) => [...list, ...list]),
    refusal: /one statement from a, got 2/,
  },
  "a key that changed after it was used": {
    ...refused,
    killedAt: ["uploaded"],
    lies: otherKeys,
    spec: { rounds: 2 },
    sent: [1],
    refusal: /the keys of b that updates were masked with, got other keys/,
  },
  "a key that changed twice before it was used": {
    ...refused,
    killedAt: ["ready_sent", "ready_sent"],
    until: (dir, life) => ({
      change: async (answer, said, ask) => {
        if ("planId" in answer) return { ...answer, roster: null };
        return life === 0 ? answer : await otherKeys(dir).change!(answer, said, ask);
      },
    }),
    lies: otherKeys,
    refusal: /b to come with other keys once at most, got other ones again/,
    goesOn: false,
  },
  "a key that the CA's holder made, against a pin": {
    ...refused,
    lies: async (dir) => {
      await pinAll(dir);
      return await certified(dir, {});
    },
    refusal: /the key [0-9a-f]{64} of b \(fedx peers\), got [0-9a-f]{64}/,
  },
  "a silo whose certificate is revoked": {
    ...refused,
    lies: async (dir) => {
      await revoke({ name: "b", ca: `${dir}/ca`, tls: `${dir}/tls-a` });
      return {};
    },
    relief: (dir) => Deno.remove(`${dir}/tls-a/revoked.json`),
    refusal: /Cannot mask together .* a certificate that its CA stands by, got one of b that was revoked on/,
  },
  "a key with which every secret is zero": {
    code: "not_agreed",
    lies: (dir) => madeUp(dir, () => "01".padEnd(64, "0")),
    refusal:
      /a silo's public key that masks can be agreed on with, got 010{62}, with which there is no secret/,
    goesOn: false,
  },
  "a key with which the secret is another silo's": {
    code: "not_agreed",
    lies: (dir) => madeUp(dir, (all) => equivalentKey(keyOf(all, "c"))),
    refusal: /another secret with silo 3 than with silo 2, got keys that are made of each other/,
    goesOn: false,
  },
};

/** The silo is told a public key that b signed, and readies for it. */
function madeUp(dir: string, publicKey: (all: SignedStatement[]) => string): Conduct {
  return withOwnRow({
    ...{ dir, round: 1, row: (row) => row },
    statements: (list) =>
      Promise.all(
        list.map((one) =>
          one.statement.silo === "b"
            ? stated({ ...one.statement, publicKey: publicKey(list) }, `${dir}/tls-b`)
            : one
        ),
      ),
  });
}

meetAll(DOUBLES);
