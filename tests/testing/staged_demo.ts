/**
 * `fedx demo` with a stage in place of its work: `staged_demo.ts rounds|none [OPTIONS]` runs the command with hospitals
 * that need no films, scores that need no engine, and roles that are a shell script, which finishes two rounds or none.
 */
import { run } from "../../src/cli/commands/demo.ts";
import type { Measured } from "../../src/cli/commands/demo/measure.ts";
import { explain } from "../../src/cli/main.ts";
import type { Values } from "../../src/cli/options/option.ts";
import { parse } from "../../src/cli/options/parse.ts";
import { settle } from "../../src/cli/options/settings.ts";
import type { demo } from "../../src/cli/options/table/demo.ts";
import { Output } from "../../src/cli/output/output.ts";
import type { Evaluation } from "../../src/model/metrics/evaluation.ts";

/** The aggregator's part ends once all silos have been started, as theirs do with it. */
const ROLES = String.raw`#!/bin/sh
echo "$*" >> "$(dirname "$0")/started"
case "$1" in
train) exec sleep 600 ;;
local) echo '{"seconds": 3}'; exit ;;
esac
records="$(dirname "$0")/demo/state/aggregator"
mkdir -p "$records"
cat "$(dirname "$0")/events" > "$records/events.jsonl"
until [ "$(grep -c ^train "$(dirname "$0")/started")" = 3 ]; do sleep .02; done
`;
const NONE = `echo 'Cannot finish a round within the budget' >&2; exit 1\n`;

const row = (round: number, a: number[], b: number[]) => ({
  type: "row",
  row: {
    round,
    silos: { a: { from: a[0], to: a[1] }, b: { from: b[0], to: b[1] }, c: { from: a[0], to: a[1] } },
  },
});
const counted = (round: number, ...silos: string[]) =>
  silos.map((silo) => ({ type: "update_counted", silo, round, sha256: "", examples: 480 }));
const listening = { type: "listening", host: "127.0.0.1", port: 1, run: "" };
/** Round 2 goes without b, and round 3 is begun but not finished. */
const EVENTS = {
  none: [listening, row(1, [0, 1], [0, 1]), { type: "abandoned", round: 1, reason: "" }],
  rounds: [
    ...[listening, row(1, [0, 1], [0, 1]), ...counted(1, "a", "b", "c"), { type: "committed", round: 1 }],
    ...[row(2, [1, 2.4], [1, 2.4]), ...counted(2, "a", "c"), { type: "committed", round: 2 }],
    ...[row(3, [2.4, 3.4], [1, 2]), ...counted(3, "a"), { type: "abandoned", round: 3, reason: "" }],
  ],
};
const RESULT = {
  ...{ degraded: true, missing: { b: [2] }, rounds: 2, bytes: 2 ** 27, model: "model.safetensors" },
  history: [1, 2].map((round) => ({ round, auroc: 0.5, silos: {}, seconds: 5.3 })),
  init: {
    kind: "imagenet",
    source: "B0 warm-started from weights with a name as long as the true one",
    sha256: "",
  },
};
const one: Evaluation = { auroc: 0.991, se: 0.01, ci95: [0.98, 0.998], images: 256, positives: 92 };
const MEASURED: Measured = {
  test: {
    ...{ stratified: 0.986, ci95: [0.979, 0.993], pooled: one, site_only: 0.616 },
    ...{ local_stratified: 0.975, local_ci95: null },
  },
  silos: { a: one, b: one, c: one },
  local: { a: one, b: one, c: one },
  roc: { a: { fpr: [0, 0.1, 1], tpr: [0, 0.9, 1] } },
};

async function stage(kind: keyof typeof EVENTS, options: string[], output: Output): Promise<void> {
  const dir = Deno.cwd();
  const lines = EVENTS[kind].map((event) => JSON.stringify(event) + "\n").join("");
  await Deno.writeTextFile(`${dir}/events`, lines);
  const ending = kind === "none" ? NONE : `echo '${JSON.stringify(RESULT)}'\n`;
  const roles = kind === "none" ? ROLES : ROLES.replace("exec sleep 600", "echo {}; exit");
  await Deno.writeTextFile(`${dir}/roles`, roles + ending, { mode: 0o755 });
  Deno.env.set("FEDX_EXE", `${dir}/roles`);
  const { signal } = new AbortController();
  const { given } = parse("demo", ["--out", "demo", "--minutes", "1", ...options]);
  const { values } = await settle("demo", given);
  await run({ values: values as Values<typeof demo>, output, signal }, {
    makeHospitals(_dir, { size }) {
      for (const silo of ["a", "b", "c"]) {
        for (const done of [0, 432, 864]) output.progress(`hospital ${silo}: films`, done, 864);
      }
      return Promise.resolve({ size, threads: 1, shards: { a: "shard-a", b: "shard-b", c: "shard-c" } });
    },
    measure: () => Promise.resolve(MEASURED),
  });
}

const output = await Output.create({ json: false });
try {
  const [kind, ...options] = Deno.args;
  await stage(kind as keyof typeof EVENTS, options, output);
} catch (error) {
  output.end(explain(error)); // as the program does
  Deno.exit(1);
}
