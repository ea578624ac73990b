import { assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { labelRuleOf, type RuleValues } from "../../../src/cli/options/label_rule.ts";
import { readSection } from "../../../src/cli/options/toml.ts";
import { COMMANDS } from "../../../src/cli/options/commands.ts";
import { initFile } from "../../../src/cli/options/init_file.ts";
import { type Command, inFile, keyOf } from "../../../src/cli/options/option.ts";
import { UsageError } from "../../../src/cli/options/usage_error.ts";
import { settle } from "../../../src/cli/options/settings.ts";
import { inFolder } from "../../testing/folder.ts";

const AGGREGATOR_FILE = initFile({});
const siloFile = (silo: string) => initFile({ silo });
const run = (text: string) => readSection({ file: "/x/fedx.toml", text }, { command: COMMANDS.aggregate });
const silo = (text: string, name?: string) =>
  readSection({ file: "/x/fedx.toml", text }, { command: COMMANDS.train, silo: name });

Deno.test("readSection reads the file that init writes, paths relative to it", () => {
  const { values } = run(AGGREGATOR_FILE);
  assertEquals(values, {
    silos: ["a", "b", "c"],
    listen: { host: "0.0.0.0", port: 8443 },
    tls: "/x/tls-hub",
    budget: 1200,
    size: 128,
  });
  assertEquals(silo(siloFile("b")).values, {
    silo: "b",
    server: new URL("https://127.0.0.1:8443"),
    tls: "/x/tls-b",
    shard: "/x/shard-b",
  });
});

Deno.test("readSection refuses a silo that the file has no section for: its limits would be left aside", () => {
  const text = "[silo.a]\nsite = 's'\n[silo.b]\naccept = { masked = true }";
  for (const name of ["B", "bb", "constructor", ""]) {
    const error = assertThrows(() => silo(text, name), UsageError);
    assertMatch(error.message, /expected a section \[silo\..*got one of a, b; .* --config/);
  }
  assertEquals(silo(text, "b").accept?.masked, true);
  assertEquals(silo("[run]\nsize = 64", "b").values, { silo: "b" });
});

Deno.test("readSection takes numbers for names", () => {
  assertEquals(run("[run]\nsilos = [1, 2]").values.silos, ["1", "2"]);
});

Deno.test("readSection takes init for a path relative to the file, unless it is a word", () => {
  const init = (value: string) => run(`[run]\ninit = "${value}"`).values.init;
  assertEquals(["start.pth", "/y/start.pth", "imagenet", "random"].map(init), [
    "/x/start.pth",
    "/y/start.pth",
    "imagenet",
    "random",
  ]);
});

Deno.test("init's files name every key of the table, and every key in them is known when switched on", () => {
  const on = (text: string) => text.split("\n").map((line) => line.replace(/^# (\w+ = )/, "$1")).join("\n");
  const keys = (command: Command) => inFile(command).map(([name]) => keyOf(name));
  for (const key of keys(COMMANDS.aggregate)) {
    assertMatch(AGGREGATOR_FILE, new RegExp(`^(# )?${key} = `, "m"));
  }
  for (const key of keys(COMMANDS.train)) assertMatch(siloFile("b"), new RegExp(`^(# )?${key} = `, "m"));
  assertEquals(Object.keys(run(on(AGGREGATOR_FILE)).values).length, keys(COMMANDS.aggregate).length);
  assertEquals(silo(on(siloFile("b"))).accept, {
    recipes: [{ name: "default" }],
    networks: ["efficientnet_b0"],
    labelRules: undefined,
    maxRounds: undefined,
    maxPasses: 1000,
    minTrainPatients: 50,
    masked: true,
    minCohort: 3,
    rosterChanges: 1,
    trustCa: undefined,
  });
});

Deno.test("init's file quotes a silo's name where TOML would read its dot as a table", () => {
  assertEquals(silo(siloFile("ward.7")).values.silo, "ward.7");
});

Deno.test("readSection refuses a silo's name that no certificate can hold", () => {
  assertThrows(() => silo('[silo."../a"]'), UsageError, '"../a"');
});

Deno.test("readSection: what is accepted of a masked run is read, and another kind of value refused", () => {
  const read = (text: string) => silo(`[silo.b]\naccept = { ${text} }`).accept;
  assertEquals(read("masked = false, trust_ca = false, roster_changes = 0")?.masked, false);
  assertEquals(read("masked = true, trust_ca = false, roster_changes = 0")?.trustCa, false);
  assertEquals(read("roster_changes = 0, min_cohort = 5")?.rosterChanges, 0);
  assertEquals(read("min_cohort = 5")?.minCohort, 5);
  assertThrows(() => read('trust_ca = "no"'), UsageError, "silo.b.accept.trust_ca: expected boolean");
  assertThrows(() => read("min_cohort = 2.5"), UsageError, "silo.b.accept.min_cohort");
});

Deno.test("readSection: accepted label rules are written in any spelling, and refused by name", () => {
  const rules = (list: string) => silo(`[silo.b]\naccept = { label_rules = [${list}] }`).accept?.labelRules;
  assertEquals(rules('"any-finding", "positive:Pleural Thickening, Edema", "exclude:hernia"'), [
    "any-finding",
    "positive:edema,pleural_thickening",
    "exclude:hernia",
  ]);
  for (
    const [list, got] of [['"Edema"', '"Edema"'], ['"positive:No Finding"', '"no_finding"'], ['""', '""']]
  ) {
    const error = assertThrows(() => rules(list), UsageError);
    assertMatch(error.message, /^Cannot read accept\.label_rules: expected /);
    assertStringIncludes(error.message, `got ${got}.`);
  }
});

Deno.test("settle: of --positive and exclude in the file the one on the command line holds", async () => {
  await inFolder(async (dir) => {
    const config = `${dir}/fedx.toml`;
    const file = (rule: string) =>
      Deno.writeTextFile(config, AGGREGATOR_FILE.replace("[run]", `[run]\n${rule}`));
    const ruleOf = async (given: Record<string, unknown> = {}) => {
      const { values } = await settle("aggregate", { config, ...given });
      return labelRuleOf(values as RuleValues);
    };
    await file('exclude = ["Hernia"]');
    assertEquals(await ruleOf(), "exclude:hernia");
    assertEquals(await ruleOf({ positive: ["Edema"] }), "positive:edema");
    await file('exclude = ["Hernia"]\npositive = ["Edema"]');
    await assertRejects(
      ruleOf,
      UsageError,
      "Cannot use --positive with --exclude: expected one of them, got both",
    );
    await file("");
    assertEquals(await ruleOf(), "any-finding");
    await assertRejects(
      () => ruleOf({ exclude: ["No Finding"] }),
      UsageError,
      'Cannot read --exclude: expected names of findings, got "no_finding".',
    );
  });
});

Deno.test("readSection: an accepted recipe is a preset's name, or a table with the numbers that differ", () => {
  const recipes = (list: string) => silo(`[silo.b]\naccept = { recipes = [${list}] }`).accept?.recipes;
  assertEquals(recipes('"deck", { name = "default", batch = 11, weight_decay = 0.01 }'), [
    { name: "deck" },
    { name: "default", batch: 11, weightDecay: 0.01 },
  ]);
  const cases: [string, RegExp][] = [
    ['"best"', /accept\.recipes in .*: expected deck or default, got best/],
    ['{ name = "deck", bach = 3 }', /accept\.recipes in .*: expected one of .*batch.*, got bach/],
    ['{ name = "deck", batch = 0 }', /expected batch in \[1, 4096\], got 0/],
  ];
  for (const [list, text] of cases) {
    assertMatch(assertThrows(() => recipes(list), UsageError).message, text);
  }
});

Deno.test("readSection refuses what only a flag may say: a restart would begin a new run each time", () => {
  assertThrows(() => run("[run]\nnew = true"), UsageError, "new");
});

Deno.test("readSection refuses an unknown key with the nearest name", () => {
  const cases: [() => unknown, RegExp][] = [
    [
      () => run("[run]\nround_timout = '1h'"),
      /run\.round_timout is no known key; the nearest is round_timeout/,
    ],
    [() => run("[rum]\nsize = 1"), /rum is no known key; the nearest is run/],
    [() => silo("[silo.b]\nsever = 'x'"), /silo\.b\.sever is no known key; the nearest is server/],
    [
      () => silo("[silo.b]\naccept = { max_round = 3 }"),
      /silo\.b\.accept\.max_round is no known key; the nearest is max_rounds/,
    ],
    [() => run("[run]\nsize = 'big'"), /run\.size in \/x\/fedx\.toml: expected a whole number/],
    [() => run("[run]\nsize = "), /fedx\.toml: line 2, column \d+/],
  ];
  for (const [act, text] of cases) assertMatch(assertThrows(act, UsageError).message, text);
});

Deno.test("settle: flags override the file, and one of rounds and budget replaces the other", async () => {
  const file = await Deno.makeTempFile({ suffix: ".toml" });
  try {
    await Deno.writeTextFile(file, AGGREGATOR_FILE);
    const { values } = await settle("aggregate", { config: file, rounds: 3, size: 64 });
    assertEquals([values.rounds, values.budget, values.size, values.recipe], [3, undefined, 64, "default"]);
    assertEquals(values["join-timeout"], 3600);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("settle names everything that is missing and the command that writes a file", async () => {
  const error = await assertRejects(() => settle("aggregate", { silos: ["a"] }), UsageError);
  assertMatch(error.message, /missing --tls, --rounds or --budget or --replay; .*`fedx init`/);
  const train = await assertRejects(() => settle("train", { silo: "b" }), UsageError);
  assertMatch(
    train.message,
    /missing --shard, --server with --tls or --flower with --app; .*`fedx init --silo b`/,
  );
  const predict = { model: "m", images: "i", shard: "s", out: "o" };
  const both = await assertRejects(() => settle("predict", predict), UsageError);
  assertMatch(both.message, /expected one of --images or --shard, got --images and --shard/);
});
