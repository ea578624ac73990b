/** What a silo gains by claiming more training images than it has: it neither owns the average nor ends the run. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { Client } from "../../src/fed/wire/client.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { freePort } from "../testing/free_port.ts";
import { runRole, withFederation } from "../testing/fake_federation.ts";
import { withAggregator } from "../testing/listening.ts";
import { registration } from "../testing/open_round.ts";
import { SteppedRun } from "../testing/stepped_run.ts";

Deno.test("counts that no shard has are refused at join, and the run goes on with the honest silo", () =>
  withFederation(async (dir) => {
    const { splits } = registration("c");
    const lies: [Partial<typeof splits.train>, string][] = [
      [{ images: 2 ** 33 }, "bad_request"],
      [{ images: 2 ** 32 - 1 }, "bad_request"],
      [{ images: 2 ** 22 + 1 }, "bad_request"],
      [{ positives: 97 }, "impossible_counts"],
      [{ patients: 97 }, "impossible_counts"],
    ];
    const result = await withAggregator(dir, async (spec) => {
      {
        using client = new Client({
          server: new URL(`https://127.0.0.1:${spec.port}`),
          identity: await readIdentity(`${dir}/tls-c`),
          wait: 5,
          onEvent: () => {},
        });
        for (const split of ["train", "val", "test"] as const) {
          for (const [lie, code] of lies) {
            const forged = { ...splits, [split]: { ...splits[split], ...lie } };
            const join = () => client.join({ ...registration("c"), splits: forged });
            const error = await assertRejects(join, ProtocolError);
            assertEquals([error.code, error.message.includes(split)], [code, true], error.message);
          }
        }
      }
      await Promise.all(["a", "b", "c"].map((role) => runRole({ ...spec, role, rounds: 1 })));
    }, { rounds: 1 });
    assertEquals((result as AggregatorResult).rounds, 1);
  }));

const failure = (error: unknown) => error as ProtocolError;

Deno.test("a silo with nine tenths of all images: the plan is not frozen, silo and flag are named, either side may mend it", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 1 };
    const run = (images: number, maxShare?: number) => {
      const all = [{ role: "aggregator", maxShare }, { role: "a" }, { role: "b" }, { role: "c", images }];
      return Promise.all(all.map((one) => runRole({ ...spec, ...one }).catch(failure)));
    };
    const [hub, ...silos] = await run(1728) as ProtocolError[];
    assertEquals(hub.code, "share_too_large");
    assertMatch(
      hub.message,
      /at most 0\.8 of all training images .*0\.900 from c, 1728 of 1920.*--max-share 1\)/,
    );
    for (const { code, message } of silos) {
      assertMatch(`${code} ${message}`, /^run_failed (?!.*1728).*--max-share/);
    }
    // Started again it waits for c alone.
    const two = [{ role: "aggregator" }, { role: "c", images: 1728 }];
    const [again] = await Promise.all(two.map((one) => runRole({ ...spec, ...one }).catch(failure)));
    assertEquals((again as ProtocolError).code, hub.code);
    // Once the operator has said that it may; nothing was lost meanwhile.
    const [allowed] = await run(1728, 1) as AggregatorResult[];
    assertEquals([allowed.rounds, allowed.degraded], [1, false]);
  }));

Deno.test("the same silo back with the shard that it has: the same command goes on", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 1 };
    const run = (images: number) => {
      const all = [{ role: "aggregator" }, { role: "a" }, { role: "b" }, { role: "c", images }];
      return Promise.all(all.map((one) => runRole({ ...spec, ...one }).catch(failure)));
    };
    assertEquals((await run(1728) as ProtocolError[])[0].code, "share_too_large");
    assertEquals((await run(192) as AggregatorResult[])[0].rounds, 1);
  }));

Deno.test("a silo that comes after the plan with most of all images is refused, and the others go on", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 2, proposal: { quorum: 2, joinTimeout: 600 } });
    // a takes its second turn once c has been refused.
    const onFault = run.turnAfter(2, "refused", ({ peer }) => peer === "c");
    const roles = [run.hub(), run.silo("a", { onFault }), run.silo("b")] as const;
    for (const silo of "ab") await run.when("joined", (event) => event.silo === silo);
    run.clock.pass(600);
    await run.when("row");
    const late = await run.silo("c", { images: 1728 }).catch(failure) as ProtocolError;
    assertEquals(late.code, "share_too_large");
    const [result] = await Promise.all(roles);
    assertEquals([result.degraded, Object.keys(result.missing)], [true, ["c"]]);
  }));
