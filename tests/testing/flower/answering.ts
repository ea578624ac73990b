/** Hospitals with fedx, as processes, that answer a stock SuperLink. */
import { assert, assertEquals } from "@std/assert";
import { type Running, start } from "../program.ts";
import type { SuperLink } from "./superlink.ts";

/** Who answers, and how. */
export interface Answering {
  /** The folder that holds `shard-a` and so on, and below which the states lie. */
  cwd: string;
  /** @default a, b, c */
  silos?: readonly string[];
  /** Faults by silo, for its first life. */
  faults?: Record<string, string>;
  /** What every silo is told beyond its shard and state. */
  args: readonly string[];
}

/** The metrics of the tests' apps. */
const METRICS = "eval_loss=loss,eval_acc=accuracy,num-examples=examples";
let runs = 0;

/**
 * Hospitals that answer the link while `body` runs, each with one thread and one pass a round; one that its fault ends is
 * started again. None may refuse an instruction or end by itself.
 */
export async function answering<T>(link: SuperLink, options: Answering, body: () => Promise<T>): Promise<T> {
  const { cwd, silos = ["a", "b", "c"], faults = {}, args } = options;
  const running = new Set<Running>();
  const ended: number[] = [];
  const refusals: string[] = [];
  const logs: string[] = [];
  let over = false;
  const name = `flower-${runs++}`;
  const lives = silos.map(async (silo) => {
    for (let life = 0; !over; life++) {
      const process = await start([
        ...["train", "--flower", link.fleet.url, "--app", "fedx/fedx-message,fedx/fedx-numpy"],
        ...["--silo", silo, "--shard", `shard-${silo}`, "--state", `${name}/${silo}`, "--threads", "1"],
        ...["--local-epochs", "1", "--evaluate-metrics", METRICS, ...args],
      ], { cwd, fault: life === 0 ? faults[silo] : undefined });
      running.add(process);
      const { code, signal, stderr } = await process.finished;
      running.delete(process);
      logs.push(`silo ${silo}, life ${life + 1}:\n${stderr}`);
      refusals.push(...stderr.match(/is not answered: .*/g) ?? []);
      if (signal === "SIGKILL") continue;
      assert(over, `silo ${silo} ended with ${code}: ${stderr}`);
      ended.push(code);
    }
  });
  const all = Promise.all(lives);
  const end = async () => {
    over = true;
    for (const { child } of running) child.kill("SIGTERM");
    await all;
  };
  try {
    const came = await Promise.race([
      body(),
      all.then(() => Promise.reject(new Error("every silo has ended"))),
    ]);
    await end();
    assertEquals(refusals, []);
    assertEquals(ended, silos.map(() => 143));
    return came;
  } catch (error) {
    await end();
    console.log(logs.join("\n"));
    throw error;
  }
}

/** Fails, and shows what was `told`, unless every phase of every round had three results and no failure. */
export function assertAllAnswered(
  output: string,
  { rounds, told = output }: { rounds: number; told?: string },
): void {
  const received = [...output.matchAll(/[Rr]eceived (\d+) results and (\d+) failures/g)];
  assertEquals(
    received.map(([, results, failures]) => [results, failures]),
    Array(2 * rounds).fill(["3", "0"]),
    told,
  );
}
