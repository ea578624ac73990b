import { assertEquals, assertThrows } from "@std/assert";
import {
  deckWays,
  distinct,
  keyOf,
  type Lists,
  planOf,
  recipeOf,
} from "../../../../src/cli/commands/compare/plan.ts";
import { UsageError } from "../../../../src/cli/options/usage_error.ts";
import { preset } from "../../../../src/model/recipe.ts";

const THREE = { sizes: [64], hospitals: 3 };
const plan = (lists: Partial<Lists>, place = THREE) => planOf(lists as Lists, place);

Deno.test("planOf: without lists one way by all methods, each hospital alone", () => {
  const trainings = plan({});
  assertEquals(trainings.map(({ method, hospital }) => [method, hospital]), [
    ["federated", undefined],
    ["pooled", undefined],
    ["alone", 0],
    ["alone", 1],
    ["alone", 2],
  ]);
  const { method: _method, seed, ...way } = trainings[0];
  assertEquals(seed, 0);
  assertEquals(way, {
    ...{
      network: "efficientnet_b0",
      recipe: "default",
      init: "imagenet",
      size: 64,
      localEpochs: 1,
      passes: 6,
    },
  });
});

Deno.test("planOf: every member of every list with every other, seeds, parts and sizes", () => {
  const lists = {
    network: ["resnet18", "densenet121"],
    recipe: ["default", "deck"],
    init: ["random", "x.pth"],
  };
  const more = {
    batch: ["8", "16"],
    lr: ["0.001", "1e-4"],
    method: ["federated"],
    seeds: 2,
    folds: 3,
    passes: 2,
  };
  const trainings = plan({ ...lists, ...more }, { sizes: [64, 128], hospitals: 2 });
  assertEquals(trainings.length, 2 ** 7 * 3);
  assertEquals(new Set(trainings.map(keyOf)).size, trainings.length);
});

Deno.test("planOf: passes a round tell trainings apart where they are federated alone", () => {
  const trainings = plan({ "local-epochs": ["1", "0.5"] });
  assertEquals(trainings.length, 2 * (2 + 3));
  assertEquals(distinct(trainings).size, 2 + 1 + 3);
});

Deno.test("planOf: under a budget no way has passes", () => {
  assertEquals(plan({ budget: 60 }).some(({ passes }) => passes !== undefined), false);
});

Deno.test("planOf refuses what no list may have, naming option and word", () => {
  const refused: [Partial<Lists>, string][] = [
    [{ network: ["resnet81"] }, '--network: expected efficientnet_b0, resnet18, densenet121, got "resnet81"'],
    [{ recipe: ["best"] }, '--recipe: expected default, deck, got "best"'],
    [{ method: ["alone", "together"] }, '--method: expected federated, pooled, alone, got "together"'],
    [{ batch: ["2.5"] }, '--batch: expected whole numbers from 1 to 4096 with commas between, got "2.5"'],
    [{ lr: ["fast"] }, '--lr: expected numbers from 1e-8 to 10 with commas between, got "fast"'],
    [{ "local-epochs": ["0"] }, "--local-epochs: expected numbers"],
  ];
  for (const [lists, text] of refused) assertThrows(() => plan(lists), UsageError, text);
});

Deno.test("recipeOf: the federation has what default has for several hospitals, the others what it has for one", () => {
  const [federated, pooled] = plan({ "local-epochs": ["0.5"] });
  assertEquals(recipeOf(federated, 3), preset("default", { localEpochs: 0.5 }, { silos: 3 }));
  assertEquals(recipeOf(pooled, 3), preset("default"));
  const [given] = plan({ batch: ["16"], lr: ["0.01"] });
  assertEquals(recipeOf(given, 3), preset("default", { batch: 16, lr: 0.01 }, { silos: 3 }));
});

Deno.test("planOf --deck: the deck's ways, federated, two seeds; other methods and seeds where they are named", () => {
  const ways = deckWays(64);
  const trainings = plan({ deck: true });
  assertEquals(trainings.length, 2 * ways.length);
  assertEquals(new Set(trainings.map(({ method }) => method)), new Set(["federated"]));
  assertEquals(new Set(ways.map(({ network }) => network)).size, 3);
  assertEquals(new Set(ways.map(({ batch }) => batch)), new Set([undefined, 16]));
  assertEquals(plan({ deck: true, seeds: 1, method: ["federated", "pooled"] }).length > ways.length, true);
});
