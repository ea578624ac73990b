/**
 * Hospitals with fedx in runs of stock Flower, of each version that tests speak with: over gRPC and HTTP, with and without
 * TLS, beside a stock SuperNode, killed and started again.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { layoutOf } from "../../src/model/layout.ts";
import { initialWeights } from "../../src/model/weights/initial.ts";
import { fileFolder } from "../testing/folder.ts";
import {
  FLOWER_APPS,
  type NamedArray,
  readArrays,
  stateArrays,
  writeArrays,
} from "../testing/flower/apps.ts";
import { FLOWER_VERSIONS, flowerEnvironment } from "../testing/flower/environment.ts";
import { answering, assertAllAnswered } from "../testing/flower/answering.ts";
import { startSuperLink, type SuperLink } from "../testing/flower/superlink.ts";
import { startSuperNode } from "../testing/flower/supernode.ts";
import { makeHospitals } from "../testing/hospitals.ts";

const LAYOUT = layoutOf("efficientnet_b0", { channels: 1 });
const dir = await fileFolder();
let made: Promise<void> | undefined;

/** EfficientNet-B0 as PyTorch saves it. */
async function startArrays(): Promise<NamedArray[]> {
  const { vector } = await initialWeights(LAYOUT, { init: "random", seed: 0 });
  return stateArrays(vector, LAYOUT);
}

/** Three hospitals with batches of 8. */
const HOSPITALS = { cwd: dir, args: ["--batch", "8"] };

/** Two rounds of an app from a start that both sides know; returns what they came to. */
async function twoRounds(link: SuperLink, app: keyof typeof FLOWER_APPS, { python }: { python: string }) {
  const initial = await startArrays();
  await writeArrays(`${dir}/start.npz`, { python, arrays: initial });
  const run = await link.run(FLOWER_APPS[app], {
    config: {
      ...{ "initial-arrays": `${dir}/start.npz`, "final-arrays": `${dir}/final.npz` },
      ...{ metrics: `${dir}/metrics.json`, "num-server-rounds": 2, "min-nodes": 3, "learning-rate": 0.001 },
    },
    seconds: 900,
  });
  assertEquals(run.code, 0, run.output);
  assertAllAnswered(run.output, { rounds: 2 });
  const { evaluate } = JSON.parse(await Deno.readTextFile(`${dir}/metrics.json`));
  const final = await readArrays(`${dir}/final.npz`, { python });
  assertEquals(
    final.map(({ name, shape }) => [name, shape]),
    initial.map(({ name, shape }) => [name, shape]),
  );
  return { initial, final, evaluate };
}

/** Weights that trained: other than before, finite, and no further than two rounds at this rate can take them. */
function assertTrained({ initial, final }: { initial: NamedArray[]; final: NamedArray[] }): void {
  const stem = [initial, final].map(([{ values }]) => values as Float32Array);
  assert(stem[1].some((value, i) => value !== stem[0][i]));
  assert(stem[1].every((value, i) => Math.abs(value - stem[0][i]) < 0.1));
}

for (const version of FLOWER_VERSIONS) {
  const environment = await flowerEnvironment(version);
  const missing = "missing" in environment ? environment.missing : null;
  if (missing !== null) console.log(`skipped: ${missing}`);
  const test = (
    name: string,
    body: (stock: Exclude<typeof environment, { missing: string }>) => Promise<void>,
  ) =>
    Deno.test(`Flower ${version}: ${name}`, { ignore: missing !== null }, async () => {
      await (made ??= makeHospitals(dir, { val: 60 }));
      await body(environment as Exclude<typeof environment, { missing: string }>);
    });

  test("three hospitals in a Message API run, killed after the pull, in training and mid-push: no failure", async (stock) => {
    await using link = await startSuperLink(stock);
    const came = await answering(
      link,
      { ...HOSPITALS, faults: { a: "kill:pulled:1", b: "kill:training:1", c: "kill:pushing:100" } },
      () => twoRounds(link, "message", stock),
    );
    assertTrained(came);
    assertEquals(Object.keys(came.evaluate["2"]).toSorted(), ["eval_acc", "eval_loss"]);
  });

  test("three hospitals in a run of NumPyClient's", async (stock) => {
    await using link = await startSuperLink(stock);
    const came = await answering(link, HOSPITALS, () => twoRounds(link, "numpy", stock));
    assertTrained(came);
    assert(came.evaluate["2"].accuracy > 0);
  });

  test("two hospitals beside a stock SuperNode, over TLS", async (stock) => {
    const [certificate, key] = ["cert", "key"].map((name) => `${dir}/tls-hub/${name}.pem`);
    const ca = `${dir}/tls-hub/ca.pem`;
    await using link = await startSuperLink(stock, { tls: { ca, certificate, key } });
    await using _node = await startSuperNode(stock, {
      address: link.fleet.address,
      ca,
      config: { added: 0.0001 },
    });
    const { final } = await answering(
      link,
      { ...HOSPITALS, silos: ["a", "b"], args: [...HOSPITALS.args, "--ca", ca] },
      () => twoRounds(link, "message", stock),
    );
    // Counters of batches tell who counted for how much. The stock client has 10 films and adds nothing to them; a hospital
    // has 32, four steps a round, and begins the second round with the mean's nearest whole number.
    const counter = final.find(({ name }) => name.endsWith("num_batches_tracked"))!;
    const first = 4 * 64 / 74;
    const second = ((Math.round(first) + 4) * 64 + first * 10) / 74;
    assert(Math.abs(Number(counter.values[0]) - second) < 0.01, `${counter.values[0]}`);
    assertMatch(link.fleet.url, /^https:/);
  });
}
