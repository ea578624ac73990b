/**
 * `fedx demo` with a stage in place of its work: `staged_demo.ts fast|slow [OPTIONS]` runs the command on a machine of
 * that pace, with hospitals that need no films, scores that need no engine, and roles that are a shell script.
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
train) echo {}; exit ;;
local) echo "{\"seconds\": 3, \"sha256\": \"of $3\", \"last_sha256\": \"last of $3\"}"; exit ;;
esac
records="$(dirname "$0")/demo/state/aggregator"
mkdir -p "$records"
cat "$(dirname "$0")/events" > "$records/events.jsonl"
until [ "$(grep -c ^train "$(dirname "$0")/started")" = 3 ]; do sleep .02; done
`;
const LISTENING = { type: "listening", host: "127.0.0.1", port: 1, run: "" };
/** The seconds that a machine takes. */
const PACES = { fast: { pass: 5, start: 5 }, slow: { pass: 100, start: 5 } };
const RESULT = {
  ...{ degraded: true, missing: { b: [2] }, rounds: 2, bytes: 2 ** 27 },
  ...{ model: "model.safetensors", sha256: "federated", last_sha256: "last federated" },
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

async function stage(pace: keyof typeof PACES, options: string[], output: Output): Promise<void> {
  const dir = Deno.cwd();
  await Deno.writeTextFile(`${dir}/events`, JSON.stringify(LISTENING) + "\n");
  await Deno.writeTextFile(`${dir}/roles`, `${ROLES}echo '${JSON.stringify(RESULT)}'\n`, { mode: 0o755 });
  Deno.env.set("FEDX_EXE", `${dir}/roles`);
  const { signal } = new AbortController();
  const { given } = parse("demo", ["--out", "demo", ...options]);
  const { values } = await settle("demo", given);
  await run({ values: values as Values<typeof demo>, output, signal }, {
    makeHospitals(_dir, { size }) {
      for (const silo of ["a", "b", "c"]) {
        for (const done of [0, 432, 864]) output.progress(`hospital ${silo}: films`, done, 864);
      }
      return Promise.resolve({ size, shards: { a: "shard-a", b: "shard-b", c: "shard-c" } });
    },
    measurePace: () => Promise.resolve(PACES[pace]),
    measure: () => Promise.resolve(MEASURED),
  });
}

const output = await Output.create({ json: Deno.args.includes("--json") });
try {
  const [pace, ...options] = Deno.args.filter((word) => word !== "--json");
  await stage(pace as keyof typeof PACES, options, output);
} catch (error) {
  output.end(explain(error)); // as the program does
  Deno.exit(1);
}
