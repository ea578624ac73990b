/**
 * Tries the rig by itself: a stock SuperLink and two stock SuperNodes, which add 1 and 2 to every array with
 * 10 and 30 examples, so that each round adds 1.75 to the average.
 * `try.ts VERSION APP [tls]`, where VERSION is such as 1.29.0 or newest and APP is message or numpy.
 */
import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { inFolder } from "../folder.ts";
import { FLOWER_APPS, type NamedArray, readArrays, writeArrays } from "./apps.ts";
import { flowerEnvironment } from "./environment.ts";
import { type FlowerTls, startSuperLink } from "./superlink.ts";
import { startSuperNode } from "./supernode.ts";

const ROUNDS = 2, ADDED = 1.75;
const FIRST: NamedArray[] = [
  { name: "conv.weight", dtype: "float32", shape: [2, 3], values: Float32Array.of(0, 1, 2, 3, 4, 5) },
  { name: "norm.num_batches_tracked", dtype: "int64", shape: [], values: BigInt64Array.of(7n) },
  { name: "fc.bias", dtype: "float32", shape: [4], values: new Float32Array(4) },
];
const numbers = (values: Iterable<number | bigint>) => Array.from(values, Number);
/** The older FedAvg rounds the weight of an integer array down, here 10/40 and 30/40, so that 0 is left. */
const COUNTED = { message: ["float64", 7 + ADDED * ROUNDS], numpy: ["int64", 0] } as const;

/** Name, type, shape and values of what a run must leave. */
function expected(app: keyof typeof COUNTED): unknown[] {
  return FIRST.map(({ name, dtype, shape, values }) =>
    dtype === "int64"
      ? [name, COUNTED[app][0], shape, [COUNTED[app][1]]]
      : [name, dtype, shape, numbers(values).map((value) => value + ADDED * ROUNDS)]
  );
}

/** An authority and a certificate for 127.0.0.1, by openssl. */
async function certificates(folder: string): Promise<FlowerTls> {
  const tls = { ca: `${folder}/ca.crt`, certificate: `${folder}/server.crt`, key: `${folder}/server.key` };
  const script = `
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=try \
      -keyout ca.key -out ca.crt
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=link \
      -keyout server.key -out server.csr
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost' >san
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san \
      -out server.crt`;
  const { success, stderr } = await new Deno.Command("sh", { args: ["-ec", script], cwd: folder }).output();
  if (!success) throw new Error(`Cannot make certificates: ${new TextDecoder().decode(stderr)}`);
  return tls;
}

const start = performance.now();
const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
const [version = "newest", named, secure] = Deno.args;
const app = named === "numpy" ? "numpy" : "message";
const environment = await flowerEnvironment(version);
if ("missing" in environment) throw new Error(environment.missing);
await inFolder(async (folder) => {
  const tls = secure === "tls" ? await certificates(folder) : undefined;
  const { python } = environment;
  await writeArrays(`${folder}/first.npz`, { python, arrays: FIRST });
  await using link = await startSuperLink(environment, { tls });
  console.log(`${seconds()} s: flwr ${environment.version} listens at ${link.fleet.url}`);
  const shared = { address: link.fleet.address, ca: tls?.ca };
  await using one = await startSuperNode(environment, {
    ...shared,
    config: { added: 1, "num-examples": 10 },
  });
  await using two = await startSuperNode(environment, {
    ...shared,
    config: { added: 2, "num-examples": 30 },
  });
  const config = {
    "num-server-rounds": ROUNDS,
    "initial-arrays": `${folder}/first.npz`,
    "final-arrays": `${folder}/last.npz`,
    metrics: `${folder}/metrics.json`,
    "learning-rate": 0.5,
  };
  const { code, status, output } = await link.run(FLOWER_APPS[app], { config });
  console.log(`${seconds()} s: the run is ${status}`);
  if (code !== 0 || Deno.env.get("SHOW")) {
    console.log(output, await link.log(), await one.log(), await two.log());
  }
  assertEquals(code, 0);
  assertMatch(output, /2 results and 0 failures/);
  const last = await readArrays(`${folder}/last.npz`, { python });
  const found = last.map(({ name, dtype, shape, values }) => [name, dtype, shape, numbers(values)]);
  assertEquals(found, expected(app));
  const { train, evaluate } = JSON.parse(await Deno.readTextFile(`${folder}/metrics.json`));
  assertEquals([Object.keys(train), Object.keys(evaluate)], [["1", "2"], ["1", "2"]]);
  const mean = (0 + 1 + 2 + 3 + 4 + 5) / 10;
  for (const round of [1, 2]) {
    assertAlmostEquals(train[round].train_loss, mean + ADDED * round, 1e-6);
    assertAlmostEquals(evaluate[round][app === "numpy" ? "loss" : "eval_loss"], mean + ADDED * round, 1e-6);
  }
  console.log(`${seconds()} s: arrays and metrics are right: ${JSON.stringify({ train, evaluate })}`);
});
console.log(`${seconds()} s: all stopped`);
