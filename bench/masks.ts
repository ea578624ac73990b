/**
 * What do masks cost a silo in a round? CPU seconds of `writeMasked`, from the file of the update to the synced file that
 * is uploaded, for rosters of 3, 10 and 50 at EfficientNet-B0's 4.05 M values, beside the same without any mask; and the
 * peak memory (VmHWM) at 100 M values.
 *
 *     npx -y deno@2.9.3 task bench bench/masks.ts [REPEATS] [small|large …]
 *
 * Each roster in fresh processes of `ROUNDS` rounds, the order reversed between repeats, medians. At most .2, .7 and 4 s
 * for the masks of 3, 10 and 50, and 2 GB.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { digest } from "../src/files/digest.ts";
import { scaleFor } from "../src/fed/maths/exact_sum.ts";
import { median } from "../src/fed/maths/median.ts";
import { newMaskKeys } from "../src/fed/masks/key_pair.ts";
import { writeMasked } from "../src/fed/masks/write_masked.ts";
import { childFlags } from "../tests/testing/child.ts";
import { FULL } from "../tests/testing/fake_trainer.ts";
import { layoutWith, peakOf, vectorWith } from "../tests/testing/measured_roles.ts";
import { machine } from "./machine.ts";

const LARGE = 100e6;
const REPEATS = 5, ROUNDS = 3;
/** A roster of one has no mask: the baseline. */
const ROSTERS = [1, 3, 10, 50];

/** What a process masks. */
interface Job {
  dir: string;
  values: number;
  roster: number;
}

/** CPU seconds of each round, and VmHWM of the process in bytes. */
interface Taken {
  cpu: number[];
  peak: number;
}

/** The silo of a process. */
async function mask({ dir, values, roster }: Job): Promise<Taken> {
  const [own, ...others] = await Promise.all(Array.from({ length: roster }, newMaskKeys));
  const peers = others.map(({ publicKey }, k) => ({ number: k + 2, publicKey }));
  const cpu: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    await writeMasked({
      delta: `${dir}/delta`,
      out: `${dir}/masked`,
      layout: layoutWith(values),
      scale: scaleFor(3600),
      examples: 1200,
      number: 1,
      privateKey: own.privateKey,
      peers,
      context: { plan: digest("plan"), row: digest(`row ${round}`), roster: digest("roster") },
    });
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1e6);
  }
  return { cpu, peak: peakOf("self") };
}

/** The same in a fresh process. */
async function inProcess(job: Job): Promise<Taken> {
  const args = ["run", "--allow-all", ...await childFlags(), fileURLToPath(import.meta.url)];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args, JSON.stringify(job)],
    stderr: "inherit",
  });
  const { success, stdout } = await child.output();
  if (!success) throw new Error("Cannot measure: a process failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Measures over one update of so many values. */
async function withUpdate(values: number, work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "fedx-masks-" });
  try {
    await Deno.writeFile(`${dir}/delta`, new Uint8Array(vectorWith(values, 1e-2).buffer));
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function small(dir: string, repeats: number): Promise<void> {
  const taken = new Map<number, number[]>(ROSTERS.map((roster) => [roster, []]));
  for (let k = 0; k < repeats; k++) {
    for (const roster of k % 2 === 0 ? ROSTERS : ROSTERS.toReversed()) {
      taken.get(roster)!.push(...(await inProcess({ dir, values: FULL.length, roster })).cpu);
    }
  }
  const plain = median(taken.get(1)!);
  console.log(`CPU seconds a round, ${FULL.length} values, median of ${repeats} × ${ROUNDS}`);
  console.log(`without masks: ${plain.toFixed(3)}`);
  for (const roster of ROSTERS.slice(1)) {
    const all = median(taken.get(roster)!);
    console.log(`n = ${roster}: ${all.toFixed(3)}, of it masks ${(all - plain).toFixed(3)}`);
  }
}

async function large(dir: string): Promise<void> {
  const { cpu, peak } = await inProcess({ dir, values: LARGE, roster: 3 });
  console.log(
    `n = 3, ${LARGE / 1e6} M values: peak ${(peak / 1e6).toFixed(0)} MB, CPU ${median(cpu).toFixed(1)} s`,
  );
}

async function measureAll(): Promise<void> {
  console.log(machine());
  const repeats = Number(Deno.args[0] ?? REPEATS);
  const parts = Deno.args.length > 1 ? Deno.args.slice(1) : ["small", "large"];
  if (parts.includes("small")) await withUpdate(FULL.length, (dir) => small(dir, repeats));
  if (parts.includes("large")) await withUpdate(LARGE, large);
}

if (Deno.args[0]?.startsWith("{")) console.log(JSON.stringify(await mask(JSON.parse(Deno.args[0]))));
else await measureAll();
