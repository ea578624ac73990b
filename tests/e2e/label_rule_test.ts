/** A run by another label rule, on two hospitals whose findings and spellings differ, as their operators meet it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readEvents, waitForEvent } from "../../src/cli/output/history.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { loadModel } from "../../src/model/weights/model_file.ts";
import { type Film, writeFindings } from "../testing/finding_shards.ts";
import { asVersion1 } from "../testing/older_shard.ts";
import { fileFolder } from "../testing/folder.ts";
import { freePort } from "../testing/free_port.ts";
import { assertRefused, objectOf, run, runJson, start } from "../testing/program.ts";

const RULE = "positive:edema,rib_plate";
const dir = await fileFolder();
const port = freePort();

/** 24 films in each split, of which `ill` have one of the rule's findings and the others what comes after. */
function films(ill: number, named: readonly Film[], others: readonly Film[]) {
  const one = Array.from(
    { length: 24 },
    (_, i) => i < ill ? named[i % named.length] : others[i % others.length],
  );
  return { train: one, val: one, test: one };
}

const aggregate = (...rule: string[]) => [
  ...["aggregate", "--silos", "a,b", "--tls", "tls-hub", "--listen", `127.0.0.1:${port}`, "--rounds", "1"],
  ...["--size", "32", "--batch", "8", "--init", "random", "--state", "hub", ...rule, "--json"],
];
const train = (silo: string, shard = `shard-${silo}`) => [
  ...[
    "train",
    "--silo",
    silo,
    "--server",
    `https://127.0.0.1:${port}`,
    "--tls",
    `tls-${silo}`,
    "--shard",
    shard,
  ],
  ...["--state", `state-${silo}`, "--threads", "1", "--wait", "1m", "--json"],
];

Deno.test("aggregate --positive: two hospitals of different spelling train, count and score by one rule, which their model says", async (t) => {
  await initCa(`${dir}/ca`);
  await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls-hub` });
  for (const name of ["a", "b"]) {
    await issue({ name, role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-${name}` });
  }
  const accept = ["a", "b"].map((silo) =>
    `[silo.${silo}]\naccept = { min_train_patients = 8, label_rules = ["positive:EDEMA,rib plate"] }\n`
  );
  await Deno.writeTextFile(`${dir}/fedx.toml`, accept.join(""));
  const a = films(10, [["Rib Plate"], ["Edema", "Mass"]], [["Mass"], [], ["Line"]]);
  await writeFindings(`${dir}/shard-a`, a, { size: 32, seed: 1 });
  await writeFindings(`${dir}/shard-old`, a, { size: 32, seed: 1 });
  await asVersion1(`${dir}/shard-old`);
  await writeFindings(`${dir}/shard-b`, films(14, [["rib_plate", "Hernia"]], [["Hernia"], []]), {
    size: 32,
    seed: 2,
  });
  await writeFindings(`${dir}/shard-none`, films(0, [[]], [["Mass"], []]), { size: 32, seed: 3 });

  await t.step(
    "a shard of an older fedx and one without the findings are refused before they join",
    async () => {
      const hub = await start(aggregate("--positive", "edema,Rib Plate"), { cwd: dir });
      try {
        await waitForEvent(`${dir}/hub/events.jsonl`, {
          type: "listening",
          signal: AbortSignal.timeout(60_000),
        });
        const old = await run(train("a", "shard-old"), { cwd: dir });
        assertRefused(
          old,
          /expected findings by name for the label rule positive:edema,rib_plate, got a shard of an older fedx, which knows rib_plate only as other \(remedy: make it again with `fedx prepare`\)/,
        );
        const none = await run(train("b", "shard-none"), { cwd: dir });
        assertMatch(none.stderr, /warning: no film here has edema or rib_plate, which the label rule names/);
        assertRefused(
          none,
          /both classes in train by the label rule positive:edema,rib_plate, got 0 positive of 24/,
        );
      } finally {
        hub.child.kill("SIGTERM");
        const { stderr } = await hub.finished;
        assertMatch(stderr, /warning: the label rule names what is not NIH's: rib_plate; films have it only/);
        assertMatch(stderr, /a declined: its shard cannot answer the label rule/);
      }
      const joined = (await readEvents(`${dir}/hub/events.jsonl`)).filter(({ type }) => type === "joined");
      assertEquals(joined, []);
    },
  );

  await t.step("both join with their counts by the rule, and the run goes on with it alone", async () => {
    const exclude = await run(aggregate("--exclude", "edema,rib plate"), { cwd: dir });
    assertRefused(exclude, /expected --positive edema,rib_plate, got --exclude edema,rib_plate/, 2);
    const [hub, ...silos] = await Promise.all(
      [aggregate("--positive", "Rib_plate,EDEMA"), train("a"), train("b")].map((args) =>
        run(args, { cwd: dir })
      ),
    );
    const result = objectOf(hub, "aggregate") as Record<string, never>;
    assertEquals(result.label_rule, RULE);
    const joined = result.joined as Record<string, { splits: Record<string, { positives: number }> }>;
    for (const [silo, positives] of [["a", 10], ["b", 14]] as const) {
      assertEquals(Object.values(joined[silo].splits).map((split) => split.positives), [
        positives,
        positives,
        positives,
      ]);
    }
    for (const silo of silos) assertMatch(silo.stderr, /positive films +edema or rib_plate/);
    const events = await readEvents(`${dir}/hub/events.jsonl`);
    const plan = events.find((event) => event.type === "plan")!;
    assert(plan.type === "plan");
    assertEquals(plan.plan.pooled, { images: 48, positives: 24 });
    assertEquals([plan.plan.labelRule, plan.plan.version], [RULE, 6]);
    const test = result.test as { silos: Record<string, { positives: number }> };
    assertEquals([test.silos.a.positives, test.silos.b.positives], [10, 14]);
  });

  await t.step(
    "evaluate, predict and local take the model's rule, or say that theirs is another",
    async () => {
      const { metadata } = await loadModel(`${dir}/hub/model.safetensors`);
      assertEquals(metadata.labelRule, RULE);
      const model = ["--model", "hub/model.safetensors", "--threads", "1"];
      const evaluated = await runJson(["evaluate", ...model, "--shard", "shard-a"], { cwd: dir });
      assertEquals([evaluated.label_rule, evaluated.positives], [RULE, 10]);
      const old = await run(["evaluate", ...model, "--shard", "shard-old"], { cwd: dir });
      assertRefused(old, /shard shard-old: expected findings by name for positive:edema,rib_plate/);
      const scores = ["--shard", "shard-old", "--out", "scores.csv"];
      assertEquals((await runJson(["predict", ...model, ...scores], { cwd: dir })).label_rule, RULE);
      const local = ["local", "--shard", "shard-b", "--epochs", "1", "--batch", "8", "--threads", "1"];
      const on = await run(
        [
          ...local,
          "--init",
          "hub/model.safetensors",
          "--exclude",
          "Rib plate,Zebra",
          "--out",
          "on.safetensors",
        ],
        { cwd: dir },
      );
      assertMatch(
        on.stderr,
        /was trained by the label rule positive:edema,rib_plate and goes on here by exclude:rib_plate,zebra/,
      );
      assertMatch(on.stderr, /warning: no film here has zebra, which the label rule names/);
      assertMatch(on.stdout, /positive films: any finding but rib_plate or zebra/);
      assertEquals((await loadModel(`${dir}/on.safetensors`)).metadata.labelRule, "exclude:rib_plate,zebra");
      assertRefused(
        await run([...local, "--out", "x.safetensors", "--positive", "Edema", "--exclude", "Mass"], {
          cwd: dir,
        }),
        /Cannot use --positive with --exclude: expected one of them, got both/,
        2,
      );
    },
  );

  await t.step("compare judges by the rule of the models that it starts from", async () => {
    const shards = ["--shard", "shard-a", "--shard", "shard-b", "--out", "cmp", "--method", "federated"];
    const args = ["compare", ...shards, "--init", "hub/model.safetensors", "--passes", ".4", "--batch", "8"];
    assertEquals((await runJson(args, { cwd: dir })).label_rule, RULE);
    const other = await run([...args, "--exclude", "Edema"], { cwd: dir });
    assertRefused(other, /trainings on the same shards in the same order, by the same label rule/);
    const none = await run([...args.map((word) => word === "cmp" ? "other" : word), "--positive", "Mass"], {
      cwd: dir,
    });
    assertRefused(
      none,
      /Cannot train on shard shard-b: expected both classes in train by the label rule positive:mass, got 0/,
    );
  });
});
