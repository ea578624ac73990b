/** Every command in README and docs/ runs in a test: in the walk-through, or in the one that stands here beside it. */
import { assert, assertEquals } from "@std/assert";
import { COMMANDS } from "../../src/cli/options/commands.ts";
import { readSection } from "../../src/cli/options/toml.ts";
import { findCommand, parse } from "../../src/cli/options/parse.ts";
import { blocks, commandLines, type Page, page, pages, prose, ROOT, WALKTHROUGH } from "../testing/pages.ts";

/** The page that a test of its own compares with the table of options. */
const GENERATED = "docs/commands.md";
const TASK = "npx -y deno@2.9.3 task ";
const TASKS = "tests/tools/dn_test.ts › every task of deno.json that dn.ts runs is one of its commands";

/** A command beside the test that runs it, or what is behind it: file › name. */
const TESTED: Record<string, string> = {
  "./fedx prepare --images DIR --out shard-nih":
    "tests/e2e/prepare_test.ts › prepare finds labels and lists in the NIH download",
  "./fedx forget --ids withdrawn.txt --shard shard-b":
    "tests/e2e/forget_test.ts › forget: says how many went and which run had trained with them",
  "./fedx doctor": "tests/e2e/doctor_test.ts › doctor: a silo with everything in place passes every check",
  "./fedx doctor --silo a --server https://$HUB --tls tls-a --shard shard-a":
    "tests/e2e/doctor_test.ts › doctor: a silo with everything in place passes every check",
  "./fedx init": "tests/cli/commands/init_test.ts › init adds the section that a file lacks",
  "./fedx init --silo a": "tests/cli/commands/init_test.ts › init adds the section that a file lacks",
  "./fedx aggregate": "tests/cli/options/toml_test.ts › settle: flags override the file",
  "./fedx train --silo a": "tests/cli/options/toml_test.ts › readSection reads the file that init writes",
  "./fedx aggregate --positive Edema,Effusion":
    "tests/e2e/label_rule_test.ts › aggregate --positive: two hospitals",
  "./fedx aggregate --exclude Hernia": "tests/e2e/label_rule_test.ts › aggregate --positive: two hospitals",
  "./fedx aggregate --replay fedx-state/aggregator --state fedx-again --listen $HUB --tls tls-hub":
    "tests/fed/aggregator/replay_test.ts › runAggregator with a recording runs its rows again",
  "./fedx kit make a,b,c --server https://hub.example:8443 --ca ca/ca.pem":
    "tests/cli/commands/kit_test.ts › kit make writes one archive a hospital",
  "./fedx status STATE": "tests/cli/commands/status_test.ts › status: exit code 0 for a role that runs",
  "./fedx status fedx-state/aggregator":
    "tests/e2e/kit_test.ts › a hospital's archive: unpacked, the lines of its README lead to a finished run; status",
  "./fedx status fedx-state/a":
    "tests/e2e/kit_test.ts › a hospital's archive: unpacked, the lines of its README lead to a finished run; status",
  "./fedx audit verify fedx-state/aggregator b/events.jsonl c/events.jsonl --ca ca.pem":
    "tests/cli/commands/audit_test.ts › audit verify: exit code 0 and what is covered",
  "./fedx ca request b --role silo --out tls-b":
    "tests/e2e/identity_test.ts › processes: request, sign and revoke",
  "./fedx ca sign request-b.pem --name b --role silo --ca ca --out tls-b-signed":
    "tests/e2e/identity_test.ts › processes: request, sign and revoke",
  "./fedx peers --tls tls-b": "tests/cli/commands/peers_test.ts › peers shows this hospital's own key",
  "./fedx ca revoke b --ca ca --tls tls-hub":
    "tests/e2e/identity_test.ts › processes: request, sign and revoke",
  "./fedx compare --shard A --shard B --shard C --recipe default,deck --init imagenet,random --seeds 3 --out fedx-compare":
    "tests/cli/commands/compare_test.ts › compare: killed in the middle it goes on",
  "./fedx compare --shard A --shard B --shard C --deck --out fedx-compare":
    "tests/cli/commands/compare_test.ts › compare: killed in the middle it goes on",
  "./fedx train --flower https://link.example:8000 --ca link-ca.pem --app hospitals/chest --silo b --shard shard-b":
    "tests/long/flower_test.ts › two hospitals beside a stock SuperNode, over TLS",
  'ssh-keygen -t ecdsa -b 384 -N "" -f K':
    "tests/long/flower_sites_test.ts › stock SuperNodes of three versions beside two silos",
  "./fedx flower enrol d K.pub --train 1200 --positives 700 --tls tls-hub":
    "tests/cli/commands/flower/enrol_test.ts › flower enrol: says what to run on both sides",
  "./fedx aggregate --silos a,b,d --rounds 12 --tls tls-hub --listen 0.0.0.0:8443 --flower-listen 0.0.0.0:8000":
    "tests/long/flower_sites_test.ts › stock SuperNodes of three versions beside two silos",
  'PYTHONPATH=. flower-supernode --superlink hub.example:8000 --root-certificates ca.pem --auth-supernode-private-key K --trusted-entities trusted.yaml --node-config \'train="my_site:train" evaluate="my_site:evaluate"\'':
    "tests/long/flower_sites_test.ts › stock SuperNodes of three versions beside two silos",
  "./fedx --version": "tests/e2e/onefile_test.ts › one file: two first starts at once",
  "sh rebuild.sh":
    "tests/long/bundle_test.ts › bundle: at most 60 MB; unpacked elsewhere, rebuild.sh builds the shim",
  "tar xJf fedx-gpu-0.1.0-linux-x64.tar.xz":
    "tests/tools/gpu/task_test.ts › task gpu --pack prints the archive's size and the two commands",
  "sh fedx-gpu-0.1.0-linux-x64/gpu.sh":
    "tests/long/gpu_test.ts › task gpu --rehearse: from the packed archive",
  "sh gpu.sh --only STAGE": "tests/tools/gpu/stages_test.ts › --only keeps the order of the stages",
  [`${TASK}gpu`]: "tests/tools/gpu/task_test.ts › task gpu unpacks the archive into an empty folder",
  [`${TASK}gpu --pack`]:
    "tests/tools/gpu/task_test.ts › task gpu --pack prints the archive's size and the two commands",
  [`${TASK}gpu --rehearse`]: "tests/long/gpu_test.ts › task gpu --rehearse: from the packed archive",
  [`${TASK}test:long tests/long/flower_auroc_test.ts`]: TASKS,
  [`${TASK}demo`]: "tests/long/demo_test.ts › demo: README's first command with few passes",
  [`${TASK}test`]: "tests/tools/side_by_side_test.ts › sideBySide: a batch that fails",
  [`${TASK}test tests/attack`]: "tests/tools/side_by_side_test.ts › testFiles finds every test file once",
  [`${TASK}compile`]: "tests/e2e/onefile_test.ts › one file: a run from films to scores",
  [`${TASK}bundle`]: "tests/long/bundle_test.ts › bundle: at most 60 MB",
  [`${TASK}build`]: "tests/e2e/onefile_test.ts › one file: a run from films to scores",
  [`${TASK}fedx`]: "tests/e2e/first_hour_test.ts › the first hour of docs/getting-started.md runs",
  [`${TASK}fedx --help`]: "tests/cli/options/help_test.ts › help shows every option",
  "npx -y deno@2.9.3 run -A bench/start.ts":
    "tests/bench/start_test.ts › bench/start.ts refuses what is not the one file",
};
for (
  const task of ["test:long", "ok", "fmt", "lint", "check", "check:cuda", "bench"]
) {
  TESTED[TASK + task] = TASKS;
}
for (
  const bench of [
    "radiographs.ts --data DIR",
    "recipes.ts --data DIR --runs FILE --grid NAME",
    "selection.ts --histories FILE",
    "score_histories.ts --data DIR --histories FILE",
    "engine.ts",
    "round.ts",
    "round.ts --masked",
    "rounds.ts",
    "masks.ts",
    "memory.ts",
    "memory.ts 1 masked",
    "flower.ts",
    "dicom.ts",
  ]
) {
  TESTED[`${TASK}bench bench/${bench}`] = `tests/long/bench_test.ts › bench/${bench.split(" ")[0]} measures`;
}

TESTED[`${TASK}bench bench/recipe_table.ts --runs FILE --grid NAME`] =
  "tests/long/bench_test.ts › bench/recipes.ts measures";

/** What the walk-through's settings may be. */
const SETTINGS: Record<string, string> = { HUB: "127.0.0.1:8443", SIZE: "128", ROUNDS: "10" };

/** Code spans that are whole commands, as they would be typed. */
function spans(page: Page): string[] {
  const found = [...prose(page).matchAll(/`([^`]+)`/g)].map(([, text]) => text.replaceAll(/\s+/g, " "));
  return found.filter((text) => /^(\.\/fedx |npx |sh )/.test(text));
}

/** A page's commands: those of its blocks of shell, and those in its sentences. */
function commandsOf(page: Page): string[] {
  const shell = blocks(page).filter(({ language }) => language === "sh");
  return [...shell.flatMap(({ text }) => commandLines(text)), ...spans(page)];
}

/** The walk-through's own commands: a page that shows one of them shows the same words. */
async function walked(): Promise<Set<string>> {
  const named = blocks(await page(WALKTHROUGH)).filter(({ language, name }) =>
    language === "sh" && name !== ""
  );
  return new Set(named.flatMap(({ text }) => commandLines(text)));
}

/** A page's commands that no test runs, and blocks that may hide some. */
function untested(page: Page, walked: ReadonlySet<string>): string[] {
  const runs = (command: string) => walked.has(command) || Object.hasOwn(TESTED, command);
  const strange = blocks(page).filter(({ language, name }) =>
    // What is Python there runs in tests/long/flower_sites_test.ts.
    !["sh", "text", "toml", ...page.path === "docs/flower.md" ? ["python"] : []].includes(language) ||
    (language === "sh" && name !== "" && page.path !== WALKTHROUGH)
  );
  return [
    ...strange.map(({ language, name }) => `${page.path} has a block of ${language} ${name}`.trim()),
    ...commandsOf(page).filter((command) => !runs(command)).map((command) => `${page.path}: ${command}`),
  ];
}

Deno.test("every command in README and docs/ runs in a test, and every test that is named for one is there", async () => {
  const own = await walked();
  const written = (await pages()).filter(({ path }) => path !== GENERATED);
  assertEquals(written.flatMap((one) => untested(one, own)), []);
  const shown = written.flatMap(commandsOf);
  assertEquals(
    Object.keys(TESTED).filter((command) => !shown.includes(command)),
    [],
    "no page shows them any more",
  );
  for (const where of new Set(Object.values(TESTED))) {
    const [file, name] = where.split(" › ");
    assert((await Deno.readTextFile(`${ROOT}${file}`)).includes(name), `${file} has no test “${name}…”`);
  }
});

Deno.test("a command that nothing runs is reported, in a block, in a sentence, and where a block may hide it", async () => {
  const own = await walked();
  const example = (text: string) => untested({ path: "docs/x.md", text }, own);
  assertEquals(example("```sh\n./fedx train --silo z  # z\n```\n"), ["docs/x.md: ./fedx train --silo z"]);
  assertEquals(example("Run `./fedx demo`, not `fedx demo`.\n"), ["docs/x.md: ./fedx demo"]);
  assertEquals(example("```\n./fedx demo\n```\n"), ["docs/x.md has a block of"]);
});

Deno.test("README's start is the walk-through's, word for word", async () => {
  const start = blocks(await page("README.md")).find(({ text }) => text.includes("./fedx train"))!;
  const own = await walked();
  const commands = commandLines(start.text);
  assertEquals(commands.filter((line) => !own.has(line)), []);
  assertEquals(commands.filter((line) => line.startsWith("./fedx")).length, 4);
});

Deno.test("every fedx command that a page shows parses", async () => {
  const commands = (await pages()).flatMap(commandsOf).filter((command) => /^\.\/fedx \w/.test(command));
  assert(commands.length > 20);
  for (const command of commands) {
    const [, ...words] = command.replaceAll(/\$(\w+)/g, (_, name) => SETTINGS[name]).split(" ");
    const found = findCommand(words);
    assert(found, command);
    parse(found.name, found.rest);
  }
});

Deno.test("every part of a fedx.toml that a page shows is read as it stands", async () => {
  const shown = (await pages()).flatMap(blocks).filter(({ language }) => language === "toml");
  assertEquals(shown.length, 1);
  const file = { file: "/x/fedx.toml", text: shown[0].text };
  const { accept } = readSection(file, { command: COMMANDS.train, silo: "a" });
  assertEquals([accept?.maxPasses, accept?.minTrainPatients, accept?.recipes?.length], [1000, 50, 2]);
});
