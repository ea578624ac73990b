/**
 * How long is a round when nobody trains? Aggregator and three silos as four processes over mutual TLS on
 * loopback, EfficientNet-B0's 4.05 M values, non-zero pseudo-random deltas.
 *
 *     npx -y deno@2.9.3 task bench bench/round.ts [ROUNDS]
 *     npx -y deno@2.9.3 task bench bench/round.ts --masked [PAIRS]
 *
 * With `--masked`: how long is it with masks? Open and masked federations of three rounds take turns, six of each.
 *
 * Wall: from the row's opening to its model on disk. CPU: user + system of all four processes over the
 * round, from /proc. Medians; the first round, which also warms up, is left out. Baseline measured on the
 * same 2-core machine: stock Flower 1.29, 10 to 13.6 s and 16 CPU-seconds a round.
 */
import { proposalOf, withFederation } from "../tests/testing/fake_federation.ts";
import { FakeTrainer, FULL } from "../tests/testing/fake_trainer.ts";
import { measure } from "../tests/testing/measured.ts";
import { vectorWith } from "../tests/testing/measured_roles.ts";
import { writeSeconds } from "./disk.ts";
import { median } from "../src/fed/maths/median.ts";
import { machine } from "./machine.ts";

const SILOS = ["a", "b", "c"];
/** Files of a vector's size that a round writes and syncs: every silo its update, the aggregator each of them, the model. */
const FILES = 2 * SILOS.length + 1;

/** Spacing of f32 at x. */
function ulp(x: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x) || 2 ** -126)), -126) - 23);
}

/**
 * Compares a one-round model with the float64 mean of the silos' vectors: the error must stay within
 * ½ulp(Δ) + 2^-(s+1) + ½ulp(new).
 */
async function largestError(dir: string): Promise<number> {
  const base = vectorWith(FULL.length, 1);
  const recipe = proposalOf(base).recipe;
  const mean = new Float64Array(FULL.length), widest = new Float64Array(FULL.length);
  for (const [index, silo] of SILOS.entries()) {
    using trainer = new FakeTrainer({ layout: FULL, silo });
    await trainer.configure({ recipe, classWeights: [1, 1], seed: 7, silo: index + 1 });
    await trainer.load(base);
    const { vector } = await trainer.train({ firstStep: 0, steps: 3, p0: 0, p1: 1 });
    for (let i = 0; i < vector.length; i++) {
      mean[i] += vector[i] / 3;
      widest[i] = Math.max(widest[i], Math.abs(vector[i] - base[i]));
    }
  }
  const got = new Float32Array((await Deno.readFile(`${dir}/state-aggregator/models/1.f32`)).buffer);
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    const s = i < FULL.weights ? 32 : 20;
    const bound = ulp(widest[i]) / 2 + 2 ** -(s + 1) + ulp(got[i]) / 2 + 1e-15;
    worst = Math.max(worst, Math.abs(got[i] - mean[i]) / bound);
  }
  return worst;
}

/** What the rounds but the first of one federation took. */
interface Took {
  wall: number[];
  cpu: number[];
  /** MiB a round. */
  moved: number;
}

/** Runs a federation in the folder `dir`. */
async function play(dir: string, { rounds, masked }: { rounds: number; masked: boolean }): Promise<Took> {
  const { marks, result } = await measure({ dir, silos: SILOS, values: FULL.length, rounds, masked });
  const opened = marks.filter((mark) => mark.type === "row"),
    done = marks.filter((mark) => mark.type === "committed");
  return {
    wall: opened.map((mark, i) => done[i].at - mark.at).slice(1),
    cpu: opened.map((mark, i) => done[i].cpu - mark.cpu).slice(1),
    moved: result!.bytes / 2 ** 20 / rounds,
  };
}

const show = (values: number[]) =>
  `median ${median(values).toFixed(2)}   (${values.map((x) => x.toFixed(2)).join(" ")})`;

/** Open and masked federations in turns, each pair in the other order than the one before. */
async function compareMasked(pairs: number): Promise<void> {
  const took: Record<string, Took> = {};
  for (let pair = 0; pair < pairs; pair++) {
    const kinds = pair % 2 === 0 ? [false, true] : [true, false];
    for (const masked of kinds) {
      await withFederation(async (dir) => {
        const { wall, cpu, moved } = await play(dir, { rounds: 3, masked });
        const sum = took[masked ? "masked" : "open"] ??= { wall: [], cpu: [], moved };
        sum.wall.push(...wall);
        sum.cpu.push(...cpu);
      });
    }
  }
  for (const [kind, { wall, cpu, moved }] of Object.entries(took)) {
    console.log(`${kind}: wall s ${show(wall)}; CPU s ${show(cpu)}; ${moved.toFixed(0)} MiB a round`);
  }
  const { open, masked } = took;
  const ratio = (of: "wall" | "cpu") => (median(masked[of]) / median(open[of])).toFixed(2);
  console.log(`masked against open: ${ratio("wall")} of the wall time, ${ratio("cpu")} of the CPU time`);
}

// Not Deno.bench: a round has a beginning and an end of its own, in other processes.
console.log(machine());
if (Deno.args[0] === "--masked") {
  await compareMasked(Number(Deno.args[1] ?? 6));
  Deno.exit();
}
const rounds = Number(Deno.args[0] ?? 6);
await withFederation(async (dir) => {
  const { wall, cpu, moved } = await play(dir, { rounds, masked: false });
  const disk: number[] = [];
  for (const _ of wall) disk.push(await writeSeconds(FULL.length * 4, { files: FILES }));
  console.log(
    `${FULL.tensors.length} tensors, ${FULL.length} values, 3 silos, ${rounds - 1} rounds measured`,
  );
  console.log(`wall  s: ${show(wall)}`);
  console.log(`CPU   s: ${show(cpu)}`);
  console.log(`disk  s: ${show(disk)}, ${FILES} such files written and synced`);
  console.log(`moved  : ${moved.toFixed(0)} MiB a round`);
});
await withFederation(async (dir) => {
  await measure({ dir, silos: SILOS, values: FULL.length, rounds: 1 });
  const worst = await largestError(dir);
  console.log(`error  : at most ${worst.toFixed(3)} of the bound against the float64 mean`);
  if (!(worst <= 1)) throw new Error("Cannot accept the round: its error exceeds the bound");
});
