import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { checkLimits, checkPatients, checkPeersPinned, type Limits } from "../../../src/fed/silo/limits.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { Proposal } from "../../../src/fed/protocol/messages.ts";
import { preset } from "../../../src/model/recipe.ts";

const proposal = {
  ...{ network: "efficientnet_b0", recipe: preset("deck"), rounds: 20, budget: null, localEpochs: 1 },
  silos: ["a", "b", "c"],
  masked: null,
} as Proposal;
const masked = { ...proposal, masked: { minCohort: 3, rosterChanges: 1 } };

Deno.test("checkLimits lets a proposal inside the limits, or without any, pass", () => {
  checkLimits(proposal);
  checkLimits(proposal, {});
  checkLimits(proposal, { recipes: [{ name: "deck" }], networks: ["efficientnet_b0"], maxRounds: 20 });
  const small = { ...proposal, recipe: preset("deck", { batch: 11, lr: 0.002 }) };
  checkLimits(small, { recipes: [{ name: "default" }, { name: "deck", batch: 11, lr: 0.002 }] });
});

Deno.test("checkLimits refuses each limit with the field and both values", () => {
  const cases: [Limits, RegExp][] = [
    [{ recipes: [{ name: "default" }] }, /expected default by accept\.recipes, got deck/],
    [{ networks: ["other"] }, /expected other by accept\.networks, got efficientnet_b0/],
    [{ maxRounds: 10 }, /expected at most 10 rounds by accept\.max_rounds, got 20/],
    [{ maxPasses: 19.5 }, /expected at most 19\.5 passes by accept\.max_passes, got 20 /],
  ];
  for (const [accept, text] of cases) {
    assertMatch(assertThrows(() => checkLimits(proposal, accept), ProtocolError).message, text);
  }
  const budget = { ...proposal, rounds: null };
  assertThrows(() => checkLimits(budget, { maxRounds: 10 }), ProtocolError, "a budget without a limit");
});

Deno.test("checkLimits: a label rule that is not among those accepted is refused with both", () => {
  const labelRules = ["any-finding", "positive:edema"];
  for (const labelRule of labelRules) checkLimits({ ...proposal, labelRule }, { labelRules });
  const refused = () => checkLimits({ ...proposal, labelRule: "positive:mass" }, { labelRules });
  const error = assertThrows(refused, ProtocolError);
  assertEquals(error.code, "labels_not_accepted");
  assertMatch(
    error.message,
    /expected any-finding or positive:edema by accept\.label_rules, got positive:mass /,
  );
});

Deno.test("checkLimits: a recipe is accepted with every number, not by its name", () => {
  const accept = { recipes: [{ name: "deck" }] };
  const refused = (changes: Partial<Proposal>, text: string) =>
    assertThrows(() => checkLimits({ ...proposal, ...changes }, accept), ProtocolError, text);
  refused({ recipe: preset("deck", { lr: 10 }) }, "expected deck with lr 0.001 by accept.recipes, got 10");
  refused({ recipe: { ...preset("deck"), clip: { warmup: 3, after: 9 } } }, "clip.after 1.5");
  refused({ recipe: { ...preset("default"), name: "deck" } }, "deck with");
  refused({ localEpochs: 3 }, "localEpochs 1");
});

Deno.test("checkLimits: a preset's name accepts its numbers for as many silos as the proposal has, a number of its own stays", () => {
  const recipe = preset("default", {}, { silos: 3 });
  const federated = { ...proposal, recipe };
  checkLimits(federated, { recipes: [{ name: "default" }] });
  checkLimits({ ...federated, recipe: preset("default"), silos: ["a"] }, { recipes: [{ name: "default" }] });
  for (const [changes, accept] of [[{ silos: ["a"] }, {}], [{}, { lr: 0.001 }]]) {
    const refused = () =>
      checkLimits({ ...federated, ...changes }, { recipes: [{ name: "default", ...accept }] });
    assertThrows(refused, ProtocolError, "expected default with lr 0.001 by accept.recipes, got 0.002");
  }
});

Deno.test("checkLimits: passes are rounds times the passes of one; under a budget nobody knows them before", () => {
  const quarters = { ...proposal, rounds: 80, localEpochs: 0.25, budget: null };
  checkLimits(quarters, { maxPasses: 20 });
  checkLimits({ ...quarters, rounds: 3, localEpochs: 0.1 }, { maxPasses: 0.3 });
  const error = assertThrows(
    () => checkLimits({ ...quarters, rounds: 81 }, { maxPasses: 20 }),
    ProtocolError,
  );
  assertEquals(error.code, "passes_not_accepted");
  assertMatch(error.message, /at most 20 passes by accept\.max_passes, got 20\.25 /);
  checkLimits({ ...proposal, rounds: null, budget: 600 }, { maxPasses: 0.1 });
});

Deno.test("checkPatients: 50 training patients where the operator names no other number", () => {
  const message = (patients: number, accept?: Limits) =>
    assertThrows(() => checkPatients({ patients }, accept), ProtocolError).message;
  for (const accept of [undefined, {}, { maxRounds: 3 }]) {
    checkPatients({ patients: 50 }, accept);
    assertMatch(message(49, accept), /at least 50 training patients by accept\.min_train_patients, got 49/);
  }
  checkPatients({ patients: 2 }, { minTrainPatients: 2 });
  assertMatch(message(2, { minTrainPatients: 3 }), /at least 3 training patients/);
});

Deno.test("checkLimits: accept.masked refuses a run that shows each update, and nothing else", () => {
  const error = assertThrows(() => checkLimits(proposal, { masked: true }), ProtocolError);
  assertEquals(error.code, "unmasked_not_accepted");
  assertMatch(error.message, /expected a masked run by accept\.masked, got one that shows each update /);
  checkLimits(masked, { masked: true });
  for (const one of [proposal, masked]) checkLimits(one, { masked: false });
});

Deno.test("checkLimits: a masked run's cohort and roster changes are held to the limits, an open run has none", () => {
  const cases: [Limits, Limits, string, RegExp][] = [
    [
      { minCohort: 3 },
      { minCohort: 4 },
      "cohort_not_accepted",
      /sums of at least 4 silos by accept\.min_cohort, got 3 /,
    ],
    [
      { rosterChanges: 1 },
      { rosterChanges: 0 },
      "changes_not_accepted",
      /at most 0 roster changes by accept\.roster_changes, got 1 /,
    ],
  ];
  for (const [fits, refuses, code, text] of cases) {
    checkLimits(masked, fits);
    checkLimits(proposal, refuses);
    const error = assertThrows(() => checkLimits(masked, refuses), ProtocolError);
    assertEquals(error.code, code);
    assertMatch(error.message, text);
  }
});

Deno.test("checkPeersPinned: with any pin every silo of a masked run needs one, without any the CA is enough unless it is not trusted", () => {
  const pins = (...silos: string[]) => new Map(silos.map((silo) => [silo, "1".repeat(64)]));
  checkPeersPinned(masked, { pins: pins() });
  checkPeersPinned(masked, { pins: pins("a", "b", "c", "d"), trustCa: false });
  checkPeersPinned(masked, { pins: pins("a", "b", "c") });
  for (const trustCa of [true, false]) checkPeersPinned(proposal, { pins: pins("a"), trustCa });
  const message = (named: string[], trustCa?: boolean) => {
    const error = assertThrows(
      () => checkPeersPinned(masked, { pins: pins(...named), trustCa }),
      ProtocolError,
    );
    assertEquals(error.code, "peers_not_pinned");
    return error.message;
  };
  assertMatch(
    message(["a", "d"]),
    /since some are pinned, got none of b, c .*fedx peers --pin b=KEY,c=KEY\)/,
  );
  assertMatch(message([], false), /by accept\.trust_ca, got none of a, b, c \(remedy: /);
});
