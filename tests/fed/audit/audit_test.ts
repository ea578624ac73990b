/** A role's part in the audit: what it signs, what it takes, and what goes beside updates and receipts. */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Audit } from "../../../src/fed/audit/audit.ts";
import { handlerOf } from "../../../src/fed/aggregator/handlers.ts";
import { checkHead, signHead } from "../../../src/fed/audit/sign.ts";
import { issuerOf } from "../../../src/fed/pki/issuer.ts";
import { type Identity, readIdentity } from "../../../src/fed/pki/own_certificate.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import type { ChainHead, Heads, SignedHead } from "../../../src/fed/protocol/signed_head.ts";
import { digest } from "../../../src/files/digest.ts";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { splitPath, type WireRequest } from "../../../src/fed/wire/exchange.ts";
import { withFederation } from "../../testing/fake_federation.ts";
import { inFolder } from "../../testing/folder.ts";
import { frames, update, withRound } from "../../testing/open_round.ts";

const RUN = "0".repeat(32);
const at = (lines: number): ChainHead => ({ lines, digest: digest(`line ${lines}`) });

/** What the roles of a federation sign with. */
async function withIdentities(body: (identities: Record<string, Identity>) => Promise<void>): Promise<void> {
  await withFederation(async (dir) => {
    const names = ["aggregator", "a", "b"];
    await body(
      Object.fromEntries(
        await Promise.all(names.map(async (name) => [name, await readIdentity(`${dir}/tls-${name}`)])),
      ),
    );
  });
}

Deno.test("Audit.sign: the log is durable before its head is known, and who asks meanwhile shares the next one", () =>
  withIdentities(async ({ a }) => {
    const order: string[] = [];
    let lines = 0;
    const log = {
      async sync() {
        const head = at(++lines);
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push(`durable ${head.lines}`);
        return head;
      },
    };
    const onEvent = (event: FedEvent) =>
      void (event.type === "head" && order.push(`head ${event.head.head.lines}`));
    const audit = new Audit({ log, run: RUN, role: "silo a", identity: () => a, onEvent });
    const heads = await Promise.all(Array.from({ length: 10 }, () => audit.sign()));
    assertEquals(order, ["durable 1", "head 1"]);
    assertEquals(new Set(heads.map((head) => head!.head.lines)), new Set([1]));
    const first = audit.sign();
    await Promise.resolve().then(() => {}); // the first is under way
    const later = await Promise.all([first, audit.sign(), audit.sign()]);
    assertEquals(later.map((head) => head!.head.lines), [2, 3, 3]);
    assertEquals(order.slice(2), ["durable 2", "head 2", "durable 3", "head 3"]);
  }));

Deno.test("Audit: a log that cannot be made durable has no head to show; one whose disk failed once signs again", () =>
  withIdentities(async ({ a }) => {
    const answers: (ChainHead | null)[] = [null, at(4)];
    const log = { sync: () => Promise.resolve(answers.shift()!) };
    const audit = new Audit({ log, run: RUN, role: "silo a", identity: () => a, onEvent() {} });
    assertEquals(await audit.show("aggregator"), undefined);
    assertEquals((await audit.show("aggregator"))?.own.head.lines, 4);
    const broken = { sync: () => Promise.reject(new Error("gone")) };
    const other = new Audit({
      ...{ log: broken, run: RUN, role: "silo a" },
      identity: () => a,
      onEvent() {},
    });
    for (let i = 0; i < 2; i++) await assertRejects(() => other.sign(), Error, "gone");
  }));

Deno.test("checkHead: refused with the reason for another run, role, CA, name, time or content", () =>
  withIdentities((identities) =>
    inFolder(async (dir) => {
      await initCa(`${dir}/ca`);
      await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/a` });
      const { a, b, aggregator } = identities;
      const ca = issuerOf(a.ca);
      const now = new Date();
      const sign = (identity: Identity, role = "silo a", when = now) =>
        signHead(at(3), { run: RUN, role, identity, now: when });
      const check = (head: SignedHead, run = RUN, role = "silo a") => checkHead(head, { run, role, ca });
      check(sign(a));
      check(sign(aggregator, "aggregator"), RUN, "aggregator");
      // What is known of a certificate already is of its role and its time all the same.
      check(sign(b, "silo b"), RUN, "silo b");
      const good = sign(a);
      const bad: [() => void, RegExp][] = [
        [() => check(good, "1".repeat(32)), /expected one of run 1+, got one of run 0+ /],
        [() => check(good, RUN, "silo b"), /expected one of the silo b, got one of the silo a/],
        [() => check(sign(b)), /expected a certificate of the silo a, got one of silo b/],
        [
          () => check(sign(aggregator)),
          /expected a certificate of the role silo, got one of the role aggregator/,
        ],
        [
          () => check(sign(a, "aggregator"), RUN, "aggregator"),
          /expected a certificate of the role aggregator/,
        ],
        [
          () => check(sign({ ...a, key: b.key })),
          /expected a signature of its certificate's key, got another/,
        ],
        [() => check({ ...good, head: { ...good.head, lines: 4 } }), /expected a signature/],
        [
          () => check(sign(a, "silo a", new Date("2020-01-01"))),
          /expected a certificate that is good on 2020/,
        ],
        [() => check({ ...good, certificate: "30".repeat(99) }), /expected a certificate of the form/],
      ];
      for (const [body, text] of bad) {
        const error = assertThrows(body, ProtocolError);
        assertEquals([error.code, error.status], ["bad_head", 409]);
        assertMatch(error.message, text);
      }
      const stranger = sign(await readIdentity(`${dir}/a`));
      assertMatch(assertThrows(() => check(stranger), ProtocolError).expected, /^a certificate of this CA /);
    })
  ));

Deno.test("the aggregator: heads stand beside a receipt, which stays the same when it is asked for again; a bad head is refused before any byte", () =>
  withIdentities((identities) =>
    withRound(async ({ run, sessions }) => {
      let lines = 40;
      const events: FedEvent[] = [];
      const log = { sync: () => Promise.resolve(at(lines++)) };
      const role = { log, run: run.id, role: "aggregator", identity: () => identities.aggregator };
      const handler = handlerOf(run, new Audit({ ...role, onEvent: (event) => void events.push(event) }));
      const send = async (method: string, path: string, body: Uint8Array) => {
        const request = {
          method,
          ...splitPath(path),
          silo: "a",
          session: sessions.a,
          body: ReadableStream.from([body]),
        };
        const answer = await handler({ ...request, signal: new AbortController().signal } as WireRequest);
        return "json" in answer ? answer.json as Record<string, unknown> : {};
      };
      const { start, bytes } = update(run);
      const begin = (heads?: Heads) =>
        send(
          "POST",
          "/v1/rounds/1/update",
          new TextEncoder().encode(JSON.stringify({ ...start, ...heads && { heads } })),
        );
      const head = (lines: number, identity = identities.a) =>
        signHead(at(lines), { run: run.id, role: "silo a", identity, now: new Date() });

      assertEquals((await begin({ own: head(7, identities.b), held: null })).code, "bad_head");
      assertEquals(run.state.announced(1, "a"), null);
      assertEquals(await begin({ own: head(7), held: null }), { offset: 0 });
      // The same update with a later head goes on.
      await send("PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0, 4096));
      assertEquals(await begin({ own: head(9), held: null }), { offset: 4096 });
      const first = await send("PUT", "/v1/rounds/1/update?offset=4096", frames(bytes, 4096));
      const { own, held } = first.heads as Heads;
      checkHead(own, { run: run.id, role: "aggregator", ca: issuerOf(identities.a.ca) });
      assertEquals([own.head.lines, held?.head.lines], [40, 9]);
      const again = await begin({ own: head(12), held: own });
      assertEquals(again.receipt, first.receipt);
      assertEquals([(again.heads as Heads).own.head.lines, (again.heads as Heads).held?.head.lines], [
        41,
        12,
      ]);
      assertEquals((await begin()).receipt, first.receipt, "a silo without a log");
      const forged = { ...own, head: { ...own.head, lines: 3 } };
      assertEquals((await begin({ own: head(13), held: forged })).code, "bad_head", "what it never signed");
      const taken = events.filter((event) => event.type === "head_taken");
      assertEquals(taken.map(({ held }) => held?.lines ?? null), [null, null, 40]);
      assert(events.some((event) => event.type === "head"));
    })
  ));
