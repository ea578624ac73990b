import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { checkProposal, type RunSettings } from "../../../src/fed/protocol/proposal.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { type RunValues, settingsOf, unmaskedFor } from "../../../src/cli/options/proposal.ts";
import { TRAINING } from "../../../src/cli/options/table/training.ts";
import { preset } from "../../../src/model/recipe.ts";

const values: RunValues = {
  ...{ network: "efficientnet_b0", size: 64, kernel: "lanczos3", channels: 1, recipe: "default", seed: 1 },
  silos: ["a", "b", "c"],
  rounds: 4,
};

Deno.test("settingsOf: the recipe is that of as many hospitals as there are silos, of one where the films are in one place", () => {
  const alone = settingsOf({ ...values, silos: ["a"] });
  const pooled = settingsOf(values, { hospitals: 1 });
  assertEquals([settingsOf(values).recipe.lr, alone.recipe.lr], [2e-3, 1e-3]);
  assertEquals(pooled.recipe, alone.recipe);
  assertEquals(settingsOf({ ...values, silos: ["a"] }, { hospitals: 1 }), alone); // one silo federated is `local`
});

Deno.test("settingsOf: a learning rate or a batch that is given holds for however many hospitals", () => {
  for (const hospitals of [1, 3]) {
    const { lr, batch } = settingsOf({ ...values, lr: 0.0005, batch: 32 }, { hospitals }).recipe;
    assertEquals([lr, batch], [0.0005, 32]);
  }
});

Deno.test("the help and the file that init writes have the numbers of the preset default", () => {
  const [alone, federated] = [1, 3].map((silos) => preset("default", {}, { silos }));
  assertEquals([TRAINING.lr.sample, TRAINING.batch.sample], [federated.lr, federated.batch]);
  const { more } = TRAINING.recipe;
  assertStringIncludes(more, `\`default\` has batches of ${alone.batch}, `);
  const [one, several] = [alone, federated].map(({ lr }) => String(lr).slice(1));
  assertStringIncludes(more, `one learning rate, ${one} and in a run of several hospitals ${several};`);
});

const MASKED = { minCohort: 3, rosterChanges: 1 };
/** As `aggregate` has them where nothing is said of masks. */
const aggregator: RunValues = { ...values, "min-cohort": 3, "roster-changes": 1 };

Deno.test("settingsOf: an aggregator's run is masked from three silos on where quorum and sites allow it; all others are not, with the reason", () => {
  const cases: [Partial<RunValues>, RunSettings["masked"], RegExp | null][] = [
    [{}, MASKED, null],
    [{ quorum: 3 }, MASKED, null],
    [
      { silos: ["a", "b", "c", "d"], quorum: 3, "roster-changes": 0 },
      { minCohort: 3, rosterChanges: 0 },
      null,
    ],
    [{ "min-cohort": 4, silos: ["a", "b", "c", "d"] }, { minCohort: 4, rosterChanges: 1 }, null],
    [{ masked: true, quorum: 2 }, MASKED, null],
    [{ quorum: 2 }, null, /^the quorum of 2 is below --min-cohort 3$/],
    [{ silos: ["a", "b"] }, null, /fewer than 3 silos/],
    [{ "min-cohort": 4 }, null, /fewer than 4 silos/],
    [{ flower: ["c"] }, null, /Flower/],
    [{ unmasked: true }, null, /^--unmasked$/],
    [{ masked: false }, null, /^--unmasked$/],
    [{ "min-cohort": undefined }, null, /alone/],
  ];
  for (const [changes, masked, why] of cases) {
    const given = { ...aggregator, ...changes };
    assertEquals(settingsOf(given).masked, masked);
    if (why === null) assertEquals(unmaskedFor(given), null);
    else assertMatch(unmaskedFor(given)!, why);
  }
  assertEquals(settingsOf(values, { hospitals: 1 }).masked, null); // `local`, with three shards
});

Deno.test("checkProposal: what is masked by --masked alone is refused with the field, and a run that can be masked passes", () => {
  const check = (changes: Partial<RunValues>) =>
    checkProposal(settingsOf({ ...aggregator, masked: true, ...changes }));
  check({});
  check({ silos: ["a", "b", "c", "d"], quorum: 3 });
  const cases: [Partial<RunValues>, RegExp][] = [
    [
      { silos: ["a", "b"] },
      /at least 3 --silos in a masked run, .*--min-cohort.*, got 2 \(remedy: invite more, or choose --unmasked/,
    ],
    [
      { quorum: 2 },
      /a --quorum of at least 3 in a masked run, .*, got 2 \(remedy: raise it, or choose --unmasked/,
    ],
    [{ silos: ["a", "b", "c", "d"], "min-cohort": 4, quorum: 3 }, /at least 4 .*, got 3 /],
    [
      { silos: ["a", "b", "c", "d"], flower: ["d"] },
      /no site with Flower in a masked run, got d \(remedy: leave out --flower-listen/,
    ],
  ];
  for (const [changes, text] of cases) {
    const error = assertThrows(() => check(changes), ProtocolError);
    assertEquals(error.code, "bad_proposal");
    assertMatch(error.message, text);
    checkProposal(settingsOf({ ...aggregator, ...changes, masked: undefined }));
  }
});
