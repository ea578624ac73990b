import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkProposal } from "../../src/fed/protocol/proposal.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { readRecording } from "../../src/fed/aggregator/replay.ts";
import { SiloState } from "../../src/fed/silo/state.ts";
import { readSafetensors } from "../../src/model/weights/safetensors.ts";
import { freePort } from "../testing/free_port.ts";
import { killAt, proposalOf, runFederation, runRole, withFederation } from "../testing/fake_federation.ts";
import { startVector, TINY } from "../testing/fake_trainer.ts";

const labelRule = "positive:edema,ödem";

/** What a model's file says of itself. */
const metadataOf = async (path: string) =>
  JSON.parse(readSafetensors(await Deno.readFile(path)).metadata.fedx) as Record<string, unknown>;

Deno.test("a run's label rule is in its plan, its result, the hub's and every hospital's model, and in its replay", () =>
  withFederation(async (dir) => {
    const spec = { dir, rounds: 1, proposal: { labelRule } };
    const { result, silos } = await runFederation(spec);
    assertEquals([result.label_rule, ...silos.map(({ of }) => of.label_rule)], Array(4).fill(labelRule));
    for (const { model } of [result, ...silos]) assertEquals((await metadataOf(model)).labelRule, labelRule);
    {
      using state = await SiloState.open(`${dir}/state-a`, { silo: "a" });
      assertEquals(state.plan!.labelRule, labelRule);
    }
    const recorded = `${dir}/state-aggregator`;
    const { recording, proposal } = await readRecording(recorded, { into: `${dir}/other` });
    assertEquals([recording.plan.labelRule, proposal.labelRule], [labelRule, labelRule]);
    // Whatever rule the command that replays would have, the recorded one holds.
    const again = await runFederation({ dir, rounds: 1, replay: recorded, suffix: "-again" });
    assertEquals([again.result.label_rule, again.result.sha256], [labelRule, result.sha256]);
  }));

Deno.test("a run goes on with its label rule, and another one is refused with both as they are typed", () =>
  withFederation(async (dir) => {
    const port = freePort(), spec = { dir, port, rounds: 2, proposal: { labelRule } };
    const silos = ["a", "b", "c"].map((role) => runRole({ ...spec, role }));
    const aggregate = (proposal: typeof spec.proposal, onFault?: (name: string) => void) =>
      runRole({ ...spec, proposal, role: "aggregator" }, { onFault });
    await assertRejects(() => aggregate({ labelRule }, killAt("before_fold")));
    const error = await assertRejects(() => aggregate({ labelRule: "exclude:hernia" }), ProtocolError);
    assertEquals([error.code, error.expected, error.got], [
      "other_proposal",
      "--positive 'edema,ödem'",
      "--exclude hernia",
    ]);
    assertEquals((await aggregate({ labelRule }) as { label_rule: string }).label_rule, labelRule);
    await Promise.all(silos);
  }));

Deno.test("a silo that counts its films by another rule than the proposal's does not join", () =>
  withFederation(async (dir) => {
    const port = freePort(), stop = new AbortController();
    const hub = runRole({ dir, port, role: "aggregator", proposal: { labelRule } }, { signal: stop.signal });
    const error = await assertRejects(
      () => runRole({ dir, port, role: "a", labelRule: "positive:edema" }),
      ProtocolError,
    );
    assertEquals([error.code, error.expected, error.got], [
      "other_labels",
      `labelRule ${labelRule}`,
      "positive:edema",
    ]);
    stop.abort(new Error("done"));
    await assertRejects(() => hub, Error, "done");
  }));

Deno.test("checkProposal refuses what is no label rule by the field's name", () => {
  const start = startVector(TINY);
  checkProposal(proposalOf(start, { labelRule }));
  for (const bad of ["positive:", "positive:Edema", "negative:edema"]) {
    const check = () => checkProposal(proposalOf(start, { labelRule: bad }));
    assertEquals(assertThrows(check, ProtocolError, "a label rule at labelRule").code, "bad_proposal");
  }
});
