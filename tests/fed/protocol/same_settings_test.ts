import { assertEquals, assertThrows } from "@std/assert";
import { parseDuration } from "../../../src/cli/options/duration.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { Proposal } from "../../../src/fed/protocol/messages.ts";
import { checkSame, writtenDuration } from "../../../src/fed/protocol/same_settings.ts";
import { kernelOf } from "../../../src/kernel.ts";
import { preset } from "../../../src/model/recipe.ts";
import { proposalOf } from "../../testing/fake_federation.ts";

const stored = proposalOf(new Float32Array(1), { joinTimeout: 300, roundTimeout: null });

/** What a restart with these changes is told: expected, got. */
function refused(changes: Partial<Proposal>): [string, string] {
  const { code, expected, got } = assertThrows(
    () => checkSame(stored, { ...stored, ...changes }),
    ProtocolError,
  );
  assertEquals(code, "other_proposal");
  return [expected, got];
}

Deno.test("other settings are named as they are typed: options, times, names", () => {
  checkSame(stored, structuredClone(stored));
  assertEquals(refused({ joinTimeout: 3600, roundTimeout: 5400, rounds: null, budget: 1200 }), [
    "--rounds 4 no --budget no --round-timeout --join-timeout 5m",
    "no --rounds --budget 20m --round-timeout 1h30m --join-timeout 1h",
  ]);
  const recipe = { ...stored.recipe, lr: 0.01, batch: 16, bn: 0 };
  assertEquals(refused({ recipe }), [
    "--batch 32 --lr 0.001 --bn 1",
    "--batch 16 --lr 0.01 --bn 0",
  ]);
  assertEquals(refused({ localEpochs: 2, recipe: { ...stored.recipe, localEpochs: 2 } }), [
    "--local-epochs 1",
    "--local-epochs 2",
  ]);
  const { init } = stored;
  assertEquals(refused({ init: { ...init, source: "m.pth", sha256: "0".repeat(64) } }), [
    `--init: random, seed 1 (weights ${init.sha256.slice(0, 12)})`,
    "--init: m.pth (weights 000000000000)",
  ]);
});

Deno.test("masks are named as they are typed", () => {
  const masked = { minCohort: 3, rosterChanges: 1 };
  assertEquals(refused({ masked }), ["--unmasked", "--masked"]);
  const given = { ...stored, masked: { minCohort: 4, rosterChanges: 2 } };
  const error = assertThrows(() => checkSame({ ...stored, masked }, given), ProtocolError);
  assertEquals(error.expected, "--min-cohort 3 --roster-changes 1");
  assertEquals(error.got, "--min-cohort 4 --roster-changes 2");
});

Deno.test("another decoding of JPEG 2000 is named as it is typed", () => {
  const preprocessing = { ...stored.preprocessing, kernel: kernelOf("reduced") };
  assertEquals(refused({ preprocessing }), ["--jpeg2000 full", "--jpeg2000 reduced"]);
});

Deno.test("another label rule is named as it is typed", () => {
  const rule = (labelRule: string) => refused({ labelRule });
  assertEquals(rule("positive:edema,pleural_thickening"), [
    "any finding",
    "--positive edema,pleural_thickening",
  ]);
  assertEquals(rule("exclude:a:b"), ["any finding", "--exclude a:b"]);
  assertEquals(
    rule(String.raw`positive:hodgkin's,nodule\,_mass`)[1],
    String.raw`--positive 'hodgkin'\''s,nodule\,_mass'`,
  );
});

Deno.test("what follows from another setting that differs is not named beside it", () => {
  assertEquals(refused({ silos: ["a", "b"], quorum: 2 }), ["--silos a,b,c", "--silos a,b"]);
  assertEquals(refused({ recipe: preset("deck", { lr: 2e-3, batch: 11 }) }), [
    "--recipe default",
    "--recipe deck",
  ]);
  const alone = { silos: ["a"], quorum: 1, recipe: { ...stored.recipe, lr: 2e-3 } };
  assertEquals(refused(alone), ["--silos a,b,c", "--silos a"]);
  const init = { ...stored.init, sha256: "0".repeat(64) };
  assertEquals(refused({ seed: 8, init }), ["--seed 7", "--seed 8"]);
});

Deno.test("what no option says is named as the program calls it", () => {
  assertEquals(refused({ recipe: { ...stored.recipe, warmup: 0.2 } }), [
    "recipe.warmup 0.1",
    "recipe.warmup 0.2",
  ]);
});

Deno.test("writtenDuration is read back as the same seconds", () => {
  assertEquals([90, 300, 5400, 86_400, 0.5].map(writtenDuration), ["1m30s", "5m", "1h30m", "24h", "0.5s"]);
  for (const seconds of [1, 61, 3661.25, 0.001]) {
    assertEquals(parseDuration(writtenDuration(seconds)), seconds);
  }
});
