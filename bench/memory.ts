/**
 * How much memory does a federation take, and does it grow with the silos or the model? Peaks (VmHWM) of processes
 * over mutual TLS on loopback, a trainer that draws random deltas.
 *
 *     npx -y deno@2.9.3 task bench bench/memory.ts [REPEATS] [small|large|round|masked …]
 *
 * small: the aggregator's peak with 30 silos at once above its peak with 4, EfficientNet-B0's 4.05 M values, whole
 * runs; large: the same at 100 M values, to the end of a round; round: a round of 100 M values with three silos, from
 * the row's opening to its model on disk, beside the time that writing and syncing 3 GB takes; masked: the same with
 * masks, beside the time of the same 3 GB. Medians, 4 and 30 in turn. Baseline of the round on the same 2-core machine:
 * stock Flower 1.29, 24 s and 5.4 GB.
 */
import { FULL } from "../tests/testing/fake_trainer.ts";
import { measureSilos } from "../tests/testing/measured.ts";
import { writeSeconds } from "./disk.ts";
import { median } from "../src/fed/maths/median.ts";
import { machine } from "./machine.ts";

const LARGE = 100e6;
const REPEATS = 5;
/**
 * Seconds of rest before a time is taken: a virtual machine hands freed pages back to its host, and what is measured
 * right after they were freed is twice as fast as what is measured later.
 */
const REST = 20;

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

function print(name: string, values: number[], show: (value: number) => string, note = ""): void {
  console.log(`${name}: ${show(median(values))}${note}   (${values.map(show).join(", ")})`);
}

/** The aggregator's peak with 4 and with 30 silos, in turn. */
async function grow(values: number, repeats: number): Promise<void> {
  const peaks: Record<number, number[]> = { 4: [], 30: [] };
  for (let k = 0; k < repeats; k++) {
    for (const silos of k % 2 === 0 ? [4, 30] : [30, 4]) {
      const uploadOnly = values > FULL.length;
      const { aggregator } = await measureSilos(silos, { values, rounds: 1, uploadOnly });
      peaks[silos].push(aggregator);
    }
  }
  console.log(`aggregator, ${values / 1e6} M values, median of ${repeats}`);
  for (const silos of [4, 30]) print(`${silos} silos`, peaks[silos], megabytes);
  console.log(`growth: ${megabytes(median(peaks[30]) - median(peaks[4]))}, at most 64 MB`);
}

/** Rounds of three silos. */
async function rounds(values: number, repeats: number, masked = false): Promise<void> {
  const wall: number[] = [], cpu: number[] = [], disk: number[] = [];
  const aggregators: number[] = [], silos: number[] = [];
  for (let k = 0; k < repeats; k++) {
    await rest();
    disk.push(await writeSeconds(30 * values / 7, { files: 7 }));
    await rest();
    const measured = await measureSilos(3, { values, rounds: 1, masked });
    const [opened, done] = ["row", "committed"].map((type) => measured.marks.find((m) => m.type === type)!);
    wall.push(done.at - opened.at);
    cpu.push(done.cpu - opened.cpu);
    aggregators.push(measured.aggregator);
    silos.push(measured.silos);
  }
  const seconds = (value: number) => value.toFixed(2);
  console.log(
    `${masked ? "masked round" : "round"}, ${values / 1e6} M values, 3 silos, median of ${repeats}`,
  );
  print("wall  s", wall, seconds);
  print("CPU   s", cpu, seconds);
  print("disk  s", disk, seconds, ` to write and sync ${megabytes(30 * values)}`);
  print("aggregator", aggregators, megabytes);
  print("largest silo", silos, megabytes);
}

const rest = () => new Promise((resolve) => setTimeout(resolve, REST * 1000));

console.log(machine());
const repeats = Number(Deno.args[0] ?? REPEATS);
const parts = Deno.args.length > 1 ? Deno.args.slice(1) : ["small", "large", "round", "masked"];
if (parts.includes("small")) await grow(FULL.length, repeats);
if (parts.includes("large")) await grow(LARGE, repeats);
if (parts.includes("round")) await rounds(LARGE, repeats);
if (parts.includes("masked")) await rounds(LARGE, repeats, true);
