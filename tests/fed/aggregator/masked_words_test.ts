/** What the aggregator of a masked run takes of statements and readies: nothing that another silo would refuse. */
import { assertEquals, assertMatch } from "@std/assert";
import { signReady } from "../../../src/fed/masks/readies.ts";
import { signStatement } from "../../../src/fed/masks/statements.ts";
import { statedBy, withMaskedRound } from "../../testing/masked_bench.ts";

Deno.test("a statement or ready that another key has signed ends its own silo's part, and is handed on to nobody", () =>
  withMaskedRound(async ({ run, identities, row, send }) => {
    const kept = run.state.masks.statements.get("b")!.signed;
    const [, stated] = await statedBy(run, { ...identities, b: { ...identities.b, key: identities.c.key } });
    const foreign = await send("b", "POST", "/v1/statement", stated);
    assertEquals([foreign.status, foreign.json.code], [409, "statement_refused"]);
    assertMatch(foreign.json.expected, /signed by its certificate's key from b/);
    assertEquals(run.state.masks.statements.get("b")!.signed, kept);

    const { publicKey } = kept.statement;
    const of = { plan: run.state.plan!, row, silo: "b", publicKey, examples: 96 };
    const forged = await send("b", "POST", "/v1/rounds/1/ready", signReady(of, identities.c.key));
    assertEquals([forged.status, forged.json.code], [409, "statement_refused"]);
    assertMatch(forged.json.expected, /signed by the key of b's certificate/);
    assertEquals(run.state.masks.readies.size, 0);
    const good = await send("b", "POST", "/v1/rounds/1/ready", signReady(of, identities.b.key));
    assertEquals([good.status, [...run.state.masks.readies.keys()]], [200, ["b"]]);
  }));

Deno.test("a statement of a key that another silo has stated is refused", () =>
  withMaskedRound(async ({ run, identities, send }) => {
    const { publicKey } = run.state.masks.statements.get("a")!.signed.statement;
    const { statement } = run.state.masks.statements.get("b")!.signed;
    const answer = await send(
      "b",
      "POST",
      "/v1/statement",
      signStatement({ ...statement, publicKey }, identities.b),
    );
    assertEquals([answer.status, answer.json.code], [409, "statement_refused"]);
    assertMatch(answer.json.expected, /keys of its own from b/);
  }));
