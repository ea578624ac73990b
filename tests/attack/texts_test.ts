/**
 * Texts of a peer end on terminals and in logs: escape codes there rewrite what the operator has read.
 */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe } from "../../src/cli/output/event_log.ts";
import { proposalOf as proposalOfStart } from "../../src/cli/options/proposal.ts";
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { Connection } from "../../src/fed/wire/connection.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { checkProposal } from "../../src/fed/protocol/proposal.ts";
import type { Registration, RunView } from "../../src/fed/protocol/messages.ts";
import { serve } from "../../src/fed/wire/server.ts";
import type { WireAnswer } from "../../src/fed/wire/exchange.ts";
import { freePort } from "../testing/free_port.ts";
import { fullAt, proposalOf, runRole, withFederation } from "../testing/fake_federation.ts";
import { startVector, TINY } from "../testing/fake_trainer.ts";
import { withAggregator } from "../testing/listening.ts";
import { registration } from "../testing/open_round.ts";

/** Clears the screen, names the window, breaks the line; with one byte, and reversed. */
const HOSTILE = ["\u001b[2J", "\u001b]0;owned\u0007", "ok\nrun finished", "\u009b2J", "\u202eabc", "\u007f"];
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

function assertPlain(texts: (string | undefined)[]): void {
  for (const text of texts) assert(text === undefined || !UNPRINTABLE.test(text), JSON.stringify(text));
}
const shown = (events: FedEvent[]) => events.map(describe);

const asBytes = (value: unknown) => [new TextEncoder().encode(JSON.stringify(value))];

Deno.test("a registration with escape codes in any of its texts is refused with a sentence that shows none", () =>
  withFederation(async (dir) => {
    await withAggregator(dir, async ({ port }, events) => {
      const url = new URL(`https://127.0.0.1:${port}`);
      using connection = await Connection.open(url, await readIdentity(`${dir}/tls-a`));
      const honest = registration("a");
      const texts = ["silo", "shard", "device", "build", "kernel", "fit", "labelRule"] as const;
      for (const field of texts) {
        for (const hostile of HOSTILE) {
          const message: Registration = { ...honest, [field]: honest[field] + hostile };
          const call = { method: "POST", path: "/v1/join", body: asBytes(message) } as const;
          const { status, body } = await connection.send(call);
          const told = JSON.parse(new TextDecoder().decode(body));
          assertEquals([status, told.code], [400, "bad_request"]);
          assertStringIncludes(told.expected, ` at ${field}`);
          assertPlain(Object.values(told));
        }
      }
      const key = { ...honest, "\u001b[2J": 1 };
      const answer = await connection.send({ method: "POST", path: "/v1/join", body: asBytes(key) });
      assertMatch(new TextDecoder().decode(answer.body), /without the key \?\[2J/);
      assertEquals(
        events.filter(({ type }) => type === "refused").length,
        20,
        "as many as are told in a minute",
      );
      assertPlain(shown(events));
    });
  }));

Deno.test("escape codes in a request's query are not shown either", () =>
  withFederation(async (dir) => {
    await withAggregator(dir, async ({ port }, events) => {
      const url = new URL(`https://127.0.0.1:${port}`);
      using connection = await Connection.open(url, await readIdentity(`${dir}/tls-a`));
      for (const hostile of HOSTILE) {
        const path = `/v1/rounds/1/update?offset=${encodeURIComponent(hostile)}`;
        const { status, body } = await connection.send({ method: "PUT", path });
        assertEquals(status, 400);
        assertPlain(Object.values(JSON.parse(new TextDecoder().decode(body))));
      }
      assertEquals(events.filter(({ type }) => type === "refused").length, HOSTILE.length);
      assertPlain(shown(events));
    });
  }));

/** Runs silo a against an aggregator that answers everything alike; returns what the silo ends with, having shown it. */
async function askedOf(dir: string, answer: WireAnswer): Promise<Error & { code?: string }> {
  await using server = await serve({
    host: "127.0.0.1",
    port: 0,
    identity: await readIdentity(`${dir}/tls-aggregator`),
    admission: { check: () => Promise.resolve() },
    handler: () => Promise.resolve(answer),
    onEvent: () => {},
    onSession: () => {},
  });
  const events: FedEvent[] = [];
  const onEvent = (event: FedEvent) => void events.push(event);
  const run = () => runRole({ dir, port: server.port, role: "a", suffix: crypto.randomUUID() }, { onEvent });
  const error: Error & { code?: string } = await assertRejects(run, Error);
  assertPlain([error.message, ...shown(events)]);
  return error;
}

const view = (changes: Partial<RunView> = {}): RunView => ({
  version: 3,
  roster: null,
  run: "0".repeat(32),
  state: "joining",
  proposal: proposalOf(startVector(TINY)),
  plan: null,
  planId: null,
  row: null,
  round: 0,
  selected: null,
  ...changes,
});

Deno.test("an aggregator whose refusals hold escape codes gets bad_answer, and the silo shows none of them", () =>
  withFederation(async (dir) => {
    const honest = { code: "bad_request", expected: "this", got: "that", remedy: "none" };
    for (const field of ["code", "expected", "got", "remedy"]) {
      for (const hostile of HOSTILE) {
        const error = await askedOf(dir, { status: 400, json: { ...honest, [field]: hostile } });
        assertEquals(error.code, "bad_answer");
        assertStringIncludes(error.message, `printable ASCII at ${field}`);
      }
    }
    assertEquals((await askedOf(dir, { status: 400, json: honest })).code, "bad_request");
  }));

Deno.test("a run whose message or proposal holds escape codes is refused before any of it is shown", () =>
  withFederation(async (dir) => {
    const { proposal } = view();
    const { init, recipe, preprocessing } = proposal;
    for (const hostile of HOSTILE) {
      const answers: Record<string, RunView> = {
        message: view({ state: "failed", message: hostile }),
        "proposal.init.source": view({ proposal: { ...proposal, init: { ...init, source: hostile } } }),
        "proposal.init.kind": view({ proposal: { ...proposal, init: { ...init, kind: hostile } } }),
        "proposal.recipe.name": view({ proposal: { ...proposal, recipe: { ...recipe, name: hostile } } }),
        "proposal.preprocessing.kernel": view({
          proposal: { ...proposal, preprocessing: { ...preprocessing, kernel: hostile } },
        }),
      };
      for (const [field, json] of Object.entries(answers)) {
        const error = await askedOf(dir, { status: 200, json });
        assertEquals(error.code, "bad_answer");
        assertStringIncludes(error.message, `printable ASCII at ${field}`);
      }
    }
  }));

Deno.test("an honest failure whose sentence names a folder such as Müller’s reaches the silos in ASCII", () =>
  withFederation(async (dir) => {
    const port = freePort();
    const aggregator = runRole({ dir, port, role: "aggregator", suffix: "-Müller’s" }, {
      onFault: fullAt("before_fold"),
    })
      .catch((error) => error);
    const silos = ["a", "b", "c"].map((role) => runRole({ dir, port, role }).catch((error) => error));
    assertStringIncludes((await aggregator).message, "Müller’s");
    for (const silo of await Promise.all(silos)) {
      assertEquals(silo.code, "run_failed");
      assertStringIncludes(silo.message, "Muller's");
    }
  }));

Deno.test("the operator's own weights may lie in a folder of any letters: the silos are told its ASCII", () => {
  const { init, ...settings } = view().proposal;
  const source = "Gewichte aus /srv/müller/größe—3.pth";
  const start = {
    kind: "file",
    source,
    sha256: init.sha256,
    vector: new Float32Array(),
    layout: TINY,
  } as const;
  const made = proposalOfStart(settings, start);
  assertEquals(made.init.source, "Gewichte aus /srv/muller/grosse-3.pth");
  checkProposal(made);
});
